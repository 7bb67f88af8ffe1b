"""The formulas, against numbers worked out by hand."""

from datetime import UTC, datetime

import pytest

from sandbox import figures
from sandbox.figures import Totals


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.125, "0.13"), (1.005, "1.00"), (2.5, "2.50"), (-0.125, "-0.13"), (0, "0.00"), (1e22, "1" + "0" * 22 + ".00")],
)
def test_ties_of_the_exact_binary_value_go_away_from_zero(value, text):
    """1.005 is stored as 1.00499…, so it is no tie; 0.125 is exact, and is one."""
    assert figures.fixed(value, 2) == text


def test_a_whole_number_is_an_integer():
    assert repr(figures.rounded(50_250.0, 2)) == "50250"


@pytest.mark.parametrize(
    ("spent", "gallons", "price"), [(250, 8, "31.25"), (100, 3, "33.33"), (50, 0, None), (50, None, None)]
)
def test_the_price_of_a_gallon_is_a_text_or_unknown(spent, gallons, price):
    assert figures.price_per_gallon(spent, gallons) == price


def test_fuel_efficiency_divides_distance_by_fuel_and_cost_by_distance():
    """400 km, 10 gallons, Q 320: 400/10 = 40; 400/37.8541 = 10.5669; 320/400 = 0.8."""
    totals = Totals(routes=3, km=400, refuels=2, fuel_cost=320, gallons=10)

    assert figures.fuel_efficiency(totals) == {
        "kmPorLitro": 10.57,
        "kmPorGalon": 40,
        "costoPorKm": 0.8,
        "totalDistancia": 400,
        "totalGalones": 10,
        "totalGastoCombustible": 320,
    }


def test_without_fuel_or_distance_every_quotient_is_zero():
    nothing = Totals(routes=0, km=0, refuels=0, fuel_cost=0, gallons=0)

    efficiency = figures.fuel_efficiency(nothing)
    statistics = figures.vehicle_statistics(nothing)

    assert set(efficiency.values()) == {0}
    assert set(statistics["costs"].values()) == {0}
    assert set(statistics["efficiency"].values()) == {0}


def test_statistics_add_up_all_costs():
    """300.5 + 150 + 49.5 = 500; 500/250 = 2; 250 km in 3 routes: 83.333."""
    totals = Totals(3, 250, 2, 300.5, 8, maintenances=1, maintenance_cost=150, expenses=2, expense_cost=49.5)

    statistics = figures.vehicle_statistics(totals)

    assert statistics["costs"] == {
        "combustible": 300.5,
        "mantenimiento": 150,
        "gastosOtros": 49.5,
        "total": 500,
        "costoPorKm": 2,
    }
    assert statistics["efficiency"]["promedioDistanciaPorRuta"] == 83.33
    assert statistics["statistics"]["totalExpenses"] == 2


def test_the_fuel_analysis_counts_money_without_gallons():
    """(250 + 60 + 90) / 10 gallons = 40.00, although the 60 bought no known gallons."""
    refuels = [
        {"tipoCombustible": "Regular", "cantidadGastada": 250, "galones": 8},
        {"tipoCombustible": "Regular", "cantidadGastada": 60, "galones": None},
        {"tipoCombustible": "Diesel", "cantidadGastada": 90, "galones": 2},
    ]

    analysis = figures.fuel_analysis(refuels)

    assert analysis["summary"] == {
        "totalReabastecimientos": 3,
        "totalGastado": "400.00",
        "totalGalones": "10.00",
        "promedioGalonPrice": "40.00",
    }
    assert analysis["porTipoCombustible"] == {
        "Regular": {"cantidad": 2, "gasto": 310, "galones": 8},
        "Diesel": {"cantidad": 1, "gasto": 90, "galones": 2},
    }


def test_a_monthly_series_is_in_order_and_has_no_empty_months():
    series = figures.monthly_series({"2026-05": 10.128, "2025-12": 7.0})

    assert series == [
        {"period": "2025-12", "label": "Dic 2025", "value": 7},
        {"period": "2026-05", "label": "May 2026", "value": 10.13},
    ]


def test_monthly_efficiency_needs_gallons_but_no_distance():
    """January: 189.2705/(5 · 3.78541) = 10; 75.7082/189.2705 = 0.4. February had fuel only; March, distance only."""
    series = figures.monthly_efficiency(
        km={"2026-01": 189.2705, "2026-03": 50}, gallons={"2026-01": 5, "2026-02": 4}, fuel_cost={"2026-01": 75.7082}
    )

    assert series == [
        {"period": "2026-01", "label": "Ene 2026", "kmPorLitro": 10, "costoPorKm": 0.4},
        {"period": "2026-02", "label": "Feb 2026", "kmPorLitro": 0, "costoPorKm": 0},
    ]


@pytest.mark.parametrize(
    ("due", "message"),
    [
        (datetime(2026, 5, 16, tzinfo=UTC), "Frenos vence en 1 día"),
        (datetime(2026, 5, 17, tzinfo=UTC), "Frenos vence en 2 días"),
    ],
)
def test_an_alert_counts_begun_days(due, message):
    """From 10:30 on the 15th, midnight of the 16th is 13.5 hours away."""
    assert figures.service_alert("Frenos", due, datetime(2026, 5, 15, 10, 30, tzinfo=UTC)) == message
