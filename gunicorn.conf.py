"""How gunicorn serves SimpleML: simpleml/commands/gunicorn_conf.py, with a reason for each choice.

    gunicorn                          the same as `gunicorn app` and `gunicorn -t 300 app:app`
    WEB_CONCURRENCY=2 gunicorn        two workers
    HOST=127.0.0.1 PORT=9000 gunicorn

gunicorn reads this file by itself where it is started; what is given on the command line goes
before what stands there.
"""

from simpleml.commands.gunicorn_conf import *  # noqa: F403
