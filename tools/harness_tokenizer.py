#!/usr/bin/env python3
"""A tokenizer for lm-evaluation-harness: one token is one character of a model's alphabet.

    python tools/harness_tokenizer.py http://localhost:8280/shakespeare FOLDER

The harness counts tokens before it sends a text, and gets them from a Hugging Face tokenizer; this
makes one of the card's alphabet, so that token ids are those of the server. It runs where the
harness is installed (required-harness.txt).
"""

from __future__ import annotations

import json
import sys
import urllib.request

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast


def main(address: str, folder: str) -> None:
    """Write the tokenizer of the model at an address."""
    with urllib.request.urlopen(address) as answer:
        alphabet = json.load(answer)["alphabet"]
    tokenizer = Tokenizer(models.WordLevel({symbol: at for at, symbol in enumerate(alphabet)}, ""))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
