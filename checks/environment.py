"""The environment itself: values that cannot be used, names that nobody reads, and the settings that are left."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from secrets import token_hex
from typing import cast

import config
from checks.findings import Finding, ok, warn, wrong
from config import Settings, SettingsError

PLATFORMS = ("DYNO", "RENDER", "RAILWAY_ENVIRONMENT", "FLY_APP_NAME", "K_SERVICE", "KUBERNETES_SERVICE_HOST")


def check_values(problems: Mapping[str, str]) -> Iterator[Finding]:
    """What `config` has to say, by variable."""
    for name, text in problems.items():
        yield wrong(name, text)
    if problems:
        yield warn("settings", "what needs one of these is not checked")
    else:
        yield ok("settings", "every value can be used")


def check_names(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that look like ours, and are not."""
    ours = {setting.name.upper() for setting in fields(Settings) if setting.metadata} | set(config.AUTH_SECRETS)
    for name in sorted(environ.keys() - ours):
        if alike := difflib.get_close_matches(name.upper(), sorted(ours), n=1, cutoff=0.85):
            yield warn(name, f"is not read; {alike[0]} is")


def platform_of(environ: Mapping[str, str]) -> str:
    """The variable by which a hosting platform is known; empty where none is."""
    return next((name for name in PLATFORMS if environ.get(name)), "")


def usable_settings(environ: Mapping[str, str], unusable: Collection[str]) -> Settings:
    """The settings of `environ`; to ask for one that is named in `unusable` raises SettingsError."""
    stand_ins = {"API_BASE_URL": "https://backend.invalid", "TOKEN_COOKIE_SECURE": "on"}
    stand_ins |= dict.fromkeys(config.AUTH_SECRETS, token_hex())
    usable = {name: text for name, text in environ.items() if name not in unusable}
    usable |= {name: text for name, text in stand_ins.items() if name in unusable}
    return cast(Settings, _Partial(config.from_environ(usable), unusable))


class _Partial:
    """Settings of which some are stand-ins, and are not given out."""

    def __init__(self, settings: Settings, unusable: Collection[str]) -> None:
        self._settings = settings
        self._unusable = unusable

    def __getattr__(self, name: str) -> object:
        if name.upper() in self._unusable:
            raise SettingsError(f"{name.upper()} cannot be used")
        return getattr(self._settings, name)
