"""What gunicorn and `flask run` import."""

import sys

from app import create_app
from config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
