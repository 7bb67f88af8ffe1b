"""The computed values: formulas and rounding, from totals that were read elsewhere; pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

LITRES_PER_GALLON = 3.78541
MONTHS = ("Ene", "Feb", "Mar", "Abr", "May", "Jun", "Jul", "Ago", "Sep", "Oct", "Nov", "Dic")
_ANY_DOUBLE = Context(prec=400)

Number = int | float
ByMonth = Mapping[str, float]


@dataclass(frozen=True)
class Totals:
    """Counts and sums over the records of one vehicle."""

    routes: int
    km: float
    refuels: int
    fuel_cost: float
    gallons: float
    maintenances: int = 0
    maintenance_cost: float = 0
    expenses: int = 0
    expense_cost: float = 0


def fixed(value: float, places: int) -> str:
    """The text that JavaScript's `toFixed` gives: ties of the exact binary value go up."""
    if not math.isfinite(value):  # amounts are not bounded, and their quotients can be beyond a double
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _ANY_DOUBLE))


def rounded(value: float, places: int) -> Number:
    """The number that `toFixed` gives, without a fraction where it has none."""
    return plain(float(fixed(value, places)))


def plain(value: float) -> Number:
    """The same number, as an integer where it is one."""
    return int(value) if math.isfinite(value) and value == int(value) else value


def price_per_gallon(spent: float, gallons: float | None) -> str | None:
    """What a gallon cost, as a text with two decimals; None where the gallons are not known."""
    return fixed(spent / gallons, 2) if gallons else None


def km_per_gallon(km: float, gallons: float) -> Number:
    """Distance per gallon; 0 without fuel."""
    return rounded(km / gallons, 2) if gallons else 0


def km_per_litre(km: float, gallons: float) -> Number:
    """Distance per litre; 0 without fuel."""
    return rounded(km / (gallons * LITRES_PER_GALLON), 2) if gallons else 0


def cost_per_km(cost: float, km: float) -> Number:
    """Money per kilometre; 0 without a distance."""
    return rounded(cost / km, 3) if km else 0


def fuel_efficiency(totals: Totals) -> dict[str, Number]:
    """The `efficiency` of a vehicle within some dates."""
    return {
        "kmPorLitro": km_per_litre(totals.km, totals.gallons),
        "kmPorGalon": km_per_gallon(totals.km, totals.gallons),
        "costoPorKm": cost_per_km(totals.fuel_cost, totals.km),
        "totalDistancia": rounded(totals.km, 2),
        "totalGalones": rounded(totals.gallons, 4),
        "totalGastoCombustible": rounded(totals.fuel_cost, 2),
    }


def vehicle_statistics(totals: Totals) -> dict[str, dict[str, Number]]:
    """`statistics`, `costs` and `efficiency` of a vehicle over all time."""
    km = rounded(totals.km, 2)
    fuel_cost = rounded(totals.fuel_cost, 2)
    total_cost = fuel_cost + totals.maintenance_cost + totals.expense_cost
    return {
        "statistics": {
            "totalRoutes": totals.routes,
            "totalRefuels": totals.refuels,
            "totalMaintenances": totals.maintenances,
            "totalExpenses": totals.expenses,
            "totalDistancia": km,
        },
        "costs": {
            "combustible": fuel_cost,
            "mantenimiento": rounded(totals.maintenance_cost, 2),
            "gastosOtros": rounded(totals.expense_cost, 2),
            "total": rounded(total_cost, 2),
            "costoPorKm": cost_per_km(total_cost, km),
        },
        "efficiency": {
            "kmPorLitro": km_per_litre(totals.km, totals.gallons),
            "kmPorGalon": km_per_gallon(totals.km, totals.gallons),
            "promedioDistanciaPorRuta": rounded(km / totals.routes, 2) if totals.routes else 0,
        },
    }


def fuel_analysis(refuels: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, object]]:
    """`summary` and `porTipoCombustible` over these refuels; one without gallons counts in the money all the same."""
    spent = sum(refuel["cantidadGastada"] for refuel in refuels)
    gallons = sum(refuel["galones"] or 0 for refuel in refuels)
    by_fuel: dict[str, dict[str, Number]] = {}
    for refuel in refuels:
        fuel = by_fuel.setdefault(refuel["tipoCombustible"], {"cantidad": 0, "gasto": 0, "galones": 0})
        fuel["cantidad"] += 1
        fuel["gasto"] += refuel["cantidadGastada"]
        fuel["galones"] += refuel["galones"] or 0
    summary: dict[str, object] = {
        "totalReabastecimientos": len(refuels),
        "totalGastado": fixed(spent, 2),
        "totalGalones": fixed(gallons, 2),
        "promedioGalonPrice": fixed(spent / gallons if gallons else 0, 2),
    }
    return {"summary": summary, "porTipoCombustible": {**by_fuel}}


def monthly_series(values: ByMonth) -> list[dict[str, object]]:
    """A series over the months that have data; the keys are `YYYY-MM`."""
    return [{**_month(month), "value": rounded(values[month], 2)} for month in sorted(values)]


def monthly_efficiency(km: ByMonth, gallons: ByMonth, fuel_cost: ByMonth) -> list[dict[str, object]]:
    """Distance per litre and fuel cost per kilometre, for each month in which gallons were bought."""
    return [
        {
            **_month(month),
            "kmPorLitro": km_per_litre(km.get(month, 0), gallons[month]),
            "costoPorKm": cost_per_km(fuel_cost.get(month, 0), km.get(month, 0)),
        }
        for month in sorted(gallons)
        if gallons[month] > 0
    ]


def service_alert(tipo: str, due: datetime, now: datetime) -> str:
    """How soon a service is due, in words."""
    days = math.ceil((due - now) / timedelta(days=1))
    return f"{tipo} vence en {days} {'día' if days == 1 else 'días'}"


def _month(month: str) -> dict[str, object]:
    year, number = month.split("-")
    return {"period": month, "label": f"{MONTHS[int(number) - 1]} {year}"}
