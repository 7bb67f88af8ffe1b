"""What there is to say about an environment: which checks are made, and in which order."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

import config
from checks.access import check_metrics, check_origins, check_passthrough
from checks.backends import check_backends
from checks.cookie import check_cookie, check_keys, check_nextauth
from checks.environment import check_names, check_values, platform_of, usable_settings
from checks.findings import Finding
from checks.hosting import check_proxies, check_stage, check_storage
from config import SettingsError

ALWAYS = (check_backends, check_nextauth)
IN_PRODUCTION = (check_cookie, check_keys, check_origins, check_passthrough, check_metrics, check_storage)


def diagnose(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What there is to say about `environ`, as it is found out."""
    problems = dict(line.split(" ", 1) for line in config.problems(environ))
    yield from check_values(problems)
    yield from check_names(environ)

    settings, platform = usable_settings(environ, problems.keys()), platform_of(environ)
    checks = [check_stage(settings, platform), *(check(settings) for check in ALWAYS)]
    if "APP_ENV" in problems or settings.app_env == "production":
        checks += [check_proxies(settings, platform), *(check(settings) for check in IN_PRODUCTION)]
    for check in checks:
        with suppress(SettingsError):  # it asked for a value that cannot be used
            yield from check
