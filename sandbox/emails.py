"""One spelling for each mailbox, as express-validator's `normalizeEmail` has it."""

_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_YANDEX = frozenset({"yandex.ru", "yandex.ua", "yandex.kz", "yandex.com", "yandex.by", "ya.ru"})
_PLUS_TAGS = frozenset({"outlook", "hotmail", "live", "msn", "passport", "icloud", "me"})
_MINUS_TAGS = frozenset({"yahoo", "ymail", "rocketmail"})


def normalised(email: str) -> str:
    """The address in lower case, without what its provider ignores."""
    local, _, domain = email.lower().rpartition("@")
    provider = domain.partition(".")[0]
    if domain in _GMAIL:
        return f"{local.partition('+')[0].replace('.', '')}@gmail.com"
    if domain in _YANDEX:
        return f"{local}@yandex.ru"
    if provider in _PLUS_TAGS:
        local = local.partition("+")[0]
    if provider in _MINUS_TAGS:
        local = local.rpartition("-")[0] or local
    return f"{local}@{domain}"
