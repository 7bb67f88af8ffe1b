"""The four demo vehicles, three of the user who may write and one of the user who may only read; how each is used."""

from dataclasses import dataclass

MONTHS = {"Mensual": 1, "Trimestral": 3, "Semestral": 6, "Anual": 12}


@dataclass(frozen=True)
class Service:
    """A service so many days ago; the next one falls due so many days, or so many kilometres, after it."""

    days_ago: int
    tipo: str
    descripcion: str
    costo: float
    proveedor: str
    next_after_days: int | None = None
    next_after_km: int | None = None


@dataclass(frozen=True)
class Recurring:
    """An expense of every month, quarter, half year or year, to be paid again so many days from now."""

    frecuencia: str
    next_in_days: int
    categoria: str
    descripcion: str
    monto: float
    deducible: bool = True


@dataclass(frozen=True)
class Occasional:
    """An expense that comes up every so many days, more or less."""

    every_days: int
    categoria: str
    descripcion: str
    monto: float


@dataclass(frozen=True)
class DemoVehicle:
    """A vehicle, how it is used and what it costs; `age` is in years, `km` what it had when it was registered."""

    role: str
    alias: str
    marca: str
    age: int
    plates: str | None
    km: int
    fuel: str
    quetzales_per_gallon: float
    km_per_gallon: float
    tank_gallons: float
    trips_per_day: float
    trip_km: tuple[int, int]
    errands: tuple[str, ...]
    services: tuple[Service, ...]
    expenses: tuple[Recurring | Occasional, ...]


_OIL, _BRAKES, _TYRES = "Cambio de aceite", "Frenos", "Rotación de llantas"
_COROLLA_OIL = "Aceite sintético 5W-30 y filtro"
_PICKUP_OIL = "Aceite 15W-40 para diésel y filtro"
_MOTO_OIL = "Aceite 10W-30 para motocicleta"
_PICANTO_OIL = "Aceite semisintético 10W-40 y filtro"
_ANY_RISK = "Seguro contra todo riesgo"
_ROAD_TAX = "Impuesto de circulación"

COROLLA = DemoVehicle(
    role="write",
    alias="COROLLA",
    marca="Toyota Corolla",
    age=6,
    plates="P-482FKD",
    km=48_200,
    fuel="Regular",
    quetzales_per_gallon=31.2,
    km_per_gallon=41,
    tank_gallons=13.2,
    trips_per_day=0.75,
    trip_km=(8, 46),
    errands=("Trabajo", "Oficina y regreso", "Supermercado", "Visita a la familia", ""),
    services=(
        Service(505, _OIL, _COROLLA_OIL, 465, "Lubricentro Roosevelt"),
        Service(410, "Inspección", "Revisión general de 100 puntos", 350, "Taller El Volante"),
        Service(338, _OIL, _COROLLA_OIL, 485.5, "Lubricentro Roosevelt"),
        Service(231, "Batería", "Batería nueva con 18 meses de garantía", 890, "Baterías del Sur"),
        Service(200, _BRAKES, "Pastillas delanteras", 620, "Taller El Volante", next_after_days=180),
        Service(168, _OIL, _COROLLA_OIL, 495, "Lubricentro Roosevelt", next_after_days=180, next_after_km=5000),
        Service(75, "Alineación", "Alineación y balanceo", 225, "Llantas y Más", next_after_days=180),
        Service(40, _TYRES, "Rotación y revisión de presión", 120, "Llantas y Más", next_after_km=8000),
    ),
    expenses=(
        Recurring("Mensual", 9, "Seguro", _ANY_RISK, 415.25),
        Recurring("Anual", 75, "Impuestos", _ROAD_TAX, 642),
        Occasional(45, "Lavado", "Lavado completo", 60),
        Occasional(24, "Estacionamiento", "Parqueo en zona 10", 35),
        Occasional(400, "Multas", "Estacionarse en línea roja", 300),
    ),
)

PICKUP = DemoVehicle(
    role="write",
    alias="PICKUP",
    marca="Toyota Hilux",
    age=4,
    plates="P-917JQB",
    km=61_500,
    fuel="Diesel",
    quetzales_per_gallon=28.9,
    km_per_gallon=33,
    tank_gallons=21.1,
    trips_per_day=0.4,
    trip_km=(15, 140),
    errands=("Visita de obra", "Entrega de materiales", "Ferretería", "Finca y regreso", ""),
    services=(
        Service(531, _OIL, _PICKUP_OIL, 760, "Servicio Diésel Petapa"),
        Service(389, _OIL, _PICKUP_OIL, 775, "Servicio Diésel Petapa"),
        Service(385, "Transmisión", "Aceite de caja y diferencial", 980, "Servicio Diésel Petapa", next_after_days=365),
        Service(290, "Filtros", "Filtros de aire y de combustible", 540, "Servicio Diésel Petapa"),
        Service(247, _OIL, _PICKUP_OIL, 790, "Servicio Diésel Petapa"),
        Service(205, "Suspensión", "Amortiguadores traseros", 2350, "Frenos y Suspensión El Trébol"),
        Service(158, _TYRES, "Rotación de las cinco llantas", 175, "Llantera Atanasio", next_after_km=10_000),
        Service(131, _BRAKES, "Pastillas y rectificado de discos", 1150, "Frenos y Suspensión El Trébol"),
        Service(108, _OIL, _PICKUP_OIL, 810, "Servicio Diésel Petapa", next_after_days=130, next_after_km=5000),
    ),
    expenses=(
        Recurring("Mensual", 17, "Seguro", "Seguro de vehículo de trabajo", 585.5),
        Recurring("Mensual", 4, "Financiamiento", "Cuota del préstamo", 2480),
        Recurring("Anual", 75, "Impuestos", _ROAD_TAX, 1185),
        Occasional(20, "Peajes", "Autopista Palín-Escuintla", 30),
        Occasional(33, "Lavado", "Lavado de carrocería y chasis", 95),
    ),
)

MOTO = DemoVehicle(
    role="write",
    alias="MOTO",
    marca="Honda XR 150L",
    age=2,
    plates="M-305CDH",
    km=3400,
    fuel="Premium",
    quetzales_per_gallon=33.4,
    km_per_gallon=118,
    tank_gallons=3.1,
    trips_per_day=0.6,
    trip_km=(5, 24),
    errands=("Mensajería", "Mandados", "Banco y correo", "Trabajo", ""),
    services=(
        Service(517, _OIL, _MOTO_OIL, 135, "Motoservicio Zona 7"),
        Service(349, _OIL, _MOTO_OIL, 140, "Motoservicio Zona 7"),
        Service(262, "Reparación", "Kit de arrastre: cadena, piñón y corona", 365, "Repuestos La Cadena"),
        Service(174, _OIL, _MOTO_OIL, 145, "Motoservicio Zona 7", next_after_days=180, next_after_km=2000),
        Service(121, _BRAKES, "Zapatas traseras y ajuste del freno delantero", 165, "Motoservicio Zona 7"),
        Service(55, "Inspección", "Afinación: bujía y ajuste de válvulas", 220, "Motoservicio Zona 7", None, 3000),
        Service(38, "Otro", "Limpieza y lubricación de la cadena", 45, "Repuestos La Cadena", next_after_days=30),
    ),
    expenses=(
        Recurring("Semestral", 52, "Seguro", "Seguro contra daños a terceros", 340),
        Recurring("Anual", 75, "Impuestos", _ROAD_TAX, 110),
        Occasional(62, "Lavado", "Lavado de motocicleta", 25),
        Occasional(28, "Estacionamiento", "Parqueo para motos", 10),
    ),
)

PICANTO = DemoVehicle(
    role="read",
    alias="PICANTO",
    marca="Kia Picanto",
    age=3,
    plates=None,
    km=22_750,
    fuel="Regular",
    quetzales_per_gallon=31.2,
    km_per_gallon=47,
    tank_gallons=9.2,
    trips_per_day=0.5,
    trip_km=(6, 32),
    errands=("Universidad", "Clases de inglés", "Supermercado", "Trabajo", ""),
    services=(
        Service(471, _OIL, _PICANTO_OIL, 385, "AutoServicio Mixco"),
        Service(333, "Batería", "Batería de 35 Ah", 640, "Acumuladores El Naranjo"),
        Service(320, _OIL, _PICANTO_OIL, 395, "AutoServicio Mixco"),
        Service(195, "Inspección", "Revisión semestral", 275, "AutoServicio Mixco", next_after_days=180),
        Service(165, _OIL, _PICANTO_OIL, 405, "AutoServicio Mixco", next_after_days=180, next_after_km=5000),
        Service(142, _TYRES, "Rotación de llantas", 90, "Pinchazo San Cristóbal", next_after_km=8000),
        Service(61, "Alineación", "Alineación de las ruedas delanteras", 130, "Pinchazo San Cristóbal"),
    ),
    expenses=(
        Recurring("Mensual", 13, "Seguro", _ANY_RISK, 298.4),
        Recurring("Trimestral", 40, "Estacionamiento", "Parqueo de la universidad", 450, deducible=False),
        Recurring("Anual", 75, "Impuestos", _ROAD_TAX, 538),
        Occasional(50, "Lavado", "Lavado y aspirado", 50),
    ),
)

VEHICLES = (COROLLA, PICKUP, MOTO, PICANTO)
