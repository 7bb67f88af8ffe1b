"""The fields of an account, which registering, signing in and changing a profile have in common; what of it is sent."""

from sandbox.models import Document
from sandbox.validation import Field, email, length, min_length, one_of, required

ASSIGNABLE_ROLES = ("read", "write", "admin")
MIN_PASSWORD = 6
SHORT_PASSWORD = f"La contraseña debe tener al menos {MIN_PASSWORD} caracteres"

LONG_ENOUGH = min_length(MIN_PASSWORD, SHORT_PASSWORD)
KNOWN_ROLE = one_of(ASSIGNABLE_ROLES, "Rol inválido")

USERNAME = Field(
    "username",
    (
        required("El nombre de usuario es requerido"),
        length(3, 50, "El nombre de usuario debe tener entre 3 y 50 caracteres"),
    ),
    trimmed=True,
)
EMAIL = Field("email", (required("El email es requerido"), email("Email inválido")), trimmed=True)
PASSWORD_GIVEN = required("La contraseña es requerida")

_SECRETS = ("password", "resetPasswordToken", "resetPasswordExpire")


def public(user: Document) -> Document:
    """The user without what is never sent."""
    return {name: value for name, value in user.items() if name not in _SECRETS}
