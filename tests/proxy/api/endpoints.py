"""The contract's endpoints, what the browser asks, what the backend is asked, and what must be told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """One line of the contract; `{}` in a path stands for one segment.

    `backend` is the method and path asked of the backend, the browser's own when empty; `required` names the fields
    without which the backend is not asked; `fallback` is the message when an error of the backend has none.
    """

    number: int
    method: str
    path: str
    backend: str = ""
    needs_token: bool = True
    has_body: bool = False
    required: tuple[str, ...] = ()
    status: int = 200
    fallback: str = ""

    @property
    def backend_route(self) -> str:
        return self.backend or f"{self.method} {self.path}"


ENDPOINTS = (
    Endpoint(
        1,
        "POST",
        "/api/auth/login",
        needs_token=False,
        has_body=True,
        required=("email", "password"),
        fallback="Error de autenticación",
    ),
    Endpoint(
        2,
        "POST",
        "/api/auth/register",
        needs_token=False,
        has_body=True,
        required=("username", "email", "password"),
        status=201,
        fallback="Error al registrar usuario",
    ),
    Endpoint(3, "POST", "/api/auth/logout", backend="none", needs_token=False),
    Endpoint(4, "GET", "/api/auth/me", fallback="Error al obtener perfil"),
    Endpoint(5, "PUT", "/api/auth/updateprofile", has_body=True, fallback="Error al actualizar perfil"),
    Endpoint(
        6,
        "PUT",
        "/api/auth/updatepassword",
        has_body=True,
        required=("currentPassword", "newPassword"),
        fallback="Error al cambiar contraseña",
    ),
    Endpoint(
        7,
        "POST",
        "/api/auth/forgot-password",
        backend="POST /api/auth/forgotpassword",
        needs_token=False,
        has_body=True,
        fallback="Error al procesar la solicitud",
    ),
    Endpoint(
        8,
        "PUT",
        "/api/auth/reset-password/{}",
        backend="PUT /api/auth/resetpassword/{}",
        needs_token=False,
        has_body=True,
        fallback="Error al restablecer la contraseña",
    ),
    Endpoint(9, "GET", "/api/auth/users", fallback="Error al obtener usuarios"),
    Endpoint(10, "GET", "/api/auth/users/{}", fallback="Error al obtener usuario"),
    Endpoint(11, "DELETE", "/api/auth/users/{}", fallback="Error al desactivar usuario"),
    Endpoint(
        12,
        "PATCH",
        "/api/auth/users/{}",
        backend="PATCH /api/auth/users/{}/reactivate",
        fallback="Error al reactivar usuario",
    ),
    Endpoint(13, "PUT", "/api/auth/users/{}/role", has_body=True, fallback="Error al cambiar rol"),
    Endpoint(14, "POST", "/api/auth/users/{}/permanent/request", fallback="Error al enviar código de verificación"),
    Endpoint(
        15,
        "DELETE",
        "/api/auth/users/{}/permanent",
        has_body=True,
        fallback="Error al eliminar usuario permanentemente",
    ),
    Endpoint(16, "GET", "/api/dashboard", fallback="Error al obtener datos del dashboard"),
    Endpoint(17, "GET", "/api/vehicles", fallback="Error al obtener vehículos"),
    Endpoint(
        18,
        "POST",
        "/api/vehicles",
        has_body=True,
        required=("alias", "marca", "modelo", "plates"),
        status=201,
        fallback="Error al crear el vehículo",
    ),
    Endpoint(19, "GET", "/api/vehicles/{}", fallback="Error al obtener el vehículo"),
    Endpoint(20, "PUT", "/api/vehicles/{}", has_body=True, fallback="Error al actualizar el vehículo"),
    Endpoint(21, "DELETE", "/api/vehicles/{}", fallback="Error al eliminar el vehículo"),
    Endpoint(22, "PATCH", "/api/vehicles/{}/reactivate", fallback="Error al reactivar el vehículo"),
    Endpoint(23, "GET", "/api/vehicles/{}/stats", fallback="Error al obtener estadísticas"),
    Endpoint(24, "GET", "/api/vehicles/{}/fuel-efficiency", fallback="Error al obtener eficiencia de combustible"),
    Endpoint(25, "GET", "/api/vehicles/{}/analytics", fallback="Error al obtener analíticas"),
    Endpoint(26, "GET", "/api/routes", fallback="Error al obtener rutas"),
    Endpoint(
        27,
        "POST",
        "/api/routes",
        has_body=True,
        required=("vehicleAlias", "distanciaRecorrida", "fecha"),
        status=201,
        fallback="Error al crear la ruta",
    ),
    Endpoint(28, "GET", "/api/routes/{}", fallback="Error al obtener la ruta"),
    Endpoint(29, "PUT", "/api/routes/{}", has_body=True, fallback="Error al actualizar la ruta"),
    Endpoint(30, "DELETE", "/api/routes/{}", fallback="Error al eliminar la ruta"),
    Endpoint(31, "GET", "/api/refuels", fallback="Error al obtener reabastecimientos"),
    Endpoint(
        32,
        "POST",
        "/api/refuels",
        has_body=True,
        required=("vehicleAlias", "tipoCombustible", "cantidadGastada"),
        status=201,
        fallback="Error al crear el reabastecimiento",
    ),
    Endpoint(33, "GET", "/api/refuels/{}", fallback="Error al obtener el reabastecimiento"),
    Endpoint(34, "PUT", "/api/refuels/{}", has_body=True, fallback="Error al actualizar el reabastecimiento"),
    Endpoint(35, "DELETE", "/api/refuels/{}", fallback="Error al eliminar el reabastecimiento"),
    Endpoint(36, "GET", "/api/refuels/vehicle/{}/analysis", fallback="Error al obtener análisis de consumo"),
    Endpoint(37, "GET", "/api/maintenance", fallback="Error al obtener mantenimientos"),
    Endpoint(38, "POST", "/api/maintenance", has_body=True, status=201, fallback="Error al crear el mantenimiento"),
    Endpoint(39, "GET", "/api/maintenance/upcoming", fallback="Error al obtener mantenimientos próximos"),
    Endpoint(40, "GET", "/api/maintenance/{}", fallback="Error al obtener mantenimiento"),
    Endpoint(41, "PUT", "/api/maintenance/{}", has_body=True, fallback="Error al actualizar mantenimiento"),
    Endpoint(42, "DELETE", "/api/maintenance/{}", fallback="Error al eliminar mantenimiento"),
    Endpoint(43, "GET", "/api/expenses", fallback="Error al obtener gastos"),
    Endpoint(
        44,
        "POST",
        "/api/expenses",
        has_body=True,
        required=("vehicleAlias", "categoria", "monto", "descripcion"),
        status=201,
        fallback="Error al crear gasto",
    ),
    Endpoint(45, "GET", "/api/expenses/summary", fallback="Error al obtener resumen de gastos"),
    Endpoint(46, "GET", "/api/expenses/upcoming", fallback="Error al obtener gastos próximos"),
    Endpoint(47, "GET", "/api/expenses/{}", fallback="Error al obtener gasto"),
    Endpoint(48, "PUT", "/api/expenses/{}", has_body=True, fallback="Error al actualizar gasto"),
    Endpoint(49, "DELETE", "/api/expenses/{}", fallback="Error al eliminar gasto"),
)

FORWARDED = tuple(endpoint for endpoint in ENDPOINTS if endpoint.backend != "none")
