"""What gunicorn and `flask run` import."""

import sys

from app import create_app
from config import SettingsError
from hooks import hooks

try:
    app = create_app(hooks=hooks)
except SettingsError as error:
    print(error, file=sys.stderr)
    sys.exit(3)  # gunicorn's WORKER_BOOT_ERROR: any other status of a worker, and it is started again, for ever
