# Read by `flask run`, which is for local work alone.
FLASK_APP=wsgi
FLASK_RUN_PORT=8000
APP_ENV=development
