"""The four demo accounts, one for each role; their passwords are no secret."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoAccount:
    """An account that every seeded database has."""

    role: str
    username: str
    email: str
    password: str


DEMO_ACCOUNTS = (
    DemoAccount("read", "lucia", "lucia@kilometracker.test", "Lectura123"),
    DemoAccount("write", "demo", "demo@kilometracker.test", "Kilometros123"),
    DemoAccount("admin", "admin", "admin@kilometracker.test", "Administra123"),
    DemoAccount("root", "root", "root@kilometracker.test", "Raiz123456"),
)
