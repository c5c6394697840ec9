"""The routes of OpenAI's interface: /v1/models, /v1/completions, /v1/chat/completions."""
