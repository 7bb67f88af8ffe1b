"""What is computed over many records: dashboard, analytics, summaries, and what is due. It is 15 May 2026, 10:30."""

import pytest

EXPENSE = {"vehicleAlias": "COROLLA", "categoria": "Seguro", "monto": 100, "descripcion": "Cuota"}
SERVICE = {"vehicleAlias": "COROLLA", "tipo": "Frenos", "descripcion": "x", "costo": 50, "kilometraje": 1000}
REFUEL = {"vehicleAlias": "COROLLA", "tipoCombustible": "Regular"}


def test_an_empty_account_gets_zeros_and_empty_lists(writer):
    dashboard = writer.data("dashboard")

    zeros = {"totalVehicles": 0, "totalKmAllVehicles": 0, "totalSpentLast30Days": 0, "kmThisMonth": 0}
    assert dashboard == {"summary": zeros, "vehicles": [], "alerts": []}
    assert writer.data("expenses/summary") == {"summary": [], "totalGastos": 0, "categorias": 0}
    assert writer.get("expenses/upcoming") == {"success": True, "count": 0, "data": []}
    assert writer.get("maintenance/upcoming") == {"success": True, "count": 0, "data": []}


def test_the_dashboard_counts_the_last_30_days_the_month_and_the_future(writer, corolla):
    """From 15 April, 10:30: 300 + 200 of fuel, 50 of maintenance, 100 of expenses; the service in April is too old."""
    [
        writer.add("routes", vehicleAlias="COROLLA", distanciaRecorrida=km, fecha=fecha)
        for km, fecha in [(70, "2026-04-30"), (20.5, "2026-05-01"), (9.5, "2030-01-01")]
    ]
    [
        writer.add("refuels", **REFUEL, cantidadGastada=spent, galones=gallons, fecha=fecha)
        for spent, gallons, fecha in [(300, 1.25, "2026-04-16"), (200, 1.25, "2026-05-02")]
    ]
    writer.add("maintenance", **SERVICE)
    writer.add("maintenance", **{**SERVICE, "fecha": "2026-04-15"})
    writer.add("expenses", **EXPENSE)

    dashboard = writer.data("dashboard")

    assert dashboard["summary"] == {
        "totalVehicles": 1,
        "totalKmAllVehicles": 1100,
        "totalSpentLast30Days": 650,
        "kmThisMonth": 30,
    }
    assert dashboard["vehicles"] == [
        {
            "alias": "COROLLA",
            "marca": "Toyota",
            "modelo": 2020,
            "kilometrajeTotal": 1100,
            "spentThisMonth": 200,
            "efficiency": {"kmPorLitro": 10.57},  # 100 / (2.5 · 3.78541)
        }
    ]


def test_the_dashboard_leaves_inactive_vehicles_out(writer, corolla):
    writer.add("maintenance", **SERVICE, proximoServicioFecha="2026-05-20")
    writer.send("DELETE", "vehicles/COROLLA")

    dashboard = writer.data("dashboard")

    assert dashboard["summary"]["totalSpentLast30Days"] == 0
    assert (dashboard["vehicles"], dashboard["alerts"]) == ([], [])


def test_alerts_are_the_next_five_services_within_30_days(writer, corolla):
    """Today's is past since midnight; one that is due by kilometres has no day."""
    [
        writer.add("maintenance", **SERVICE, proximoServicioFecha=f"2026-{day}")
        for day in ("05-15", "06-15", "06-14", "05-16", "05-17", "05-18", "05-19", "05-20")
    ]
    writer.add("maintenance", **SERVICE, proximoServicioKm=2000)

    alerts = writer.data("dashboard")["alerts"]

    days = ["1 día", "2 días", "3 días", "4 días", "5 días"]
    assert [alert["message"] for alert in alerts] == [f"Frenos vence en {count}" for count in days]
    assert alerts[0].keys() == {"type", "vehicleAlias", "message"}


@pytest.mark.parametrize(("period", "meant"), [("3m", "3m"), ("12m", "12m"), ("6m", "6m"), ("1y", "6m"), ("", "6m")])
def test_analytics_begin_with_the_first_of_a_month(writer, corolla, period, meant):
    first = {"3m": "2026-02-01", "6m": "2025-11-01", "12m": "2025-05-01"}[meant]
    writer.add("routes", vehicleAlias="COROLLA", distanciaRecorrida=30, fecha=first)
    writer.add("routes", vehicleAlias="COROLLA", distanciaRecorrida=7, fecha="2024-01-01")

    analytics = writer.data(f"vehicles/COROLLA/analytics?period={period}")

    assert analytics["period"] == meant
    assert analytics["vehicle"] == {"alias": "COROLLA", "marca": "Toyota", "modelo": 2020}
    assert [(month["period"], month["value"]) for month in analytics["series"]["distancia"]] == [(first[:7], 30)]
    assert analytics["series"].keys() == {"distancia", "costoCombustible", "costoMantenimiento", "eficiencia"}


def test_fuel_efficiency_keeps_to_the_dates(writer, corolla):
    [
        writer.add("routes", vehicleAlias="COROLLA", distanciaRecorrida=km, fecha=fecha)
        for km, fecha in [(40, "2026-05-01"), (60, "2026-05-02")]
    ]
    writer.add("refuels", **REFUEL, cantidadGastada=30, galones=1, fecha="2026-05-01")

    efficiency = writer.data("vehicles/COROLLA/fuel-efficiency?endDate=2026-05-01")

    period = {"startDate": "Inicio", "endDate": "2026-05-01", "totalRefuels": 1, "totalRoutes": 1}
    assert efficiency["period"] == period
    assert (efficiency["efficiency"]["kmPorGalon"], efficiency["efficiency"]["costoPorKm"]) == (40, 0.75)


def test_statistics_name_the_vehicle_without_its_id(writer, corolla):
    writer.add("routes", vehicleAlias="COROLLA", distanciaRecorrida=250)

    statistics = writer.data("vehicles/COROLLA/stats")

    assert statistics["vehicle"] == {
        "alias": "COROLLA",
        "marca": "Toyota",
        "modelo": 2020,
        "plates": None,
        "kilometrajeInicial": 1000,
        "kilometrajeTotal": 1250,
        "isActive": True,
    }
    assert statistics["statistics"]["totalDistancia"] == 250


def test_the_fuel_analysis_is_about_one_vehicle(writer, corolla):
    writer.add("refuels", **REFUEL, cantidadGastada=250, galones=8)

    analysis = writer.data("refuels/vehicle/corolla/analysis")

    assert analysis["vehicle"] == {"alias": "COROLLA", "marca": "Toyota", "modelo": 2020}
    assert analysis["summary"]["promedioGalonPrice"] == "31.25"
    assert analysis["porTipoCombustible"] == {"Regular": {"cantidad": 1, "gasto": 250, "galones": 8}}


def test_the_summary_names_the_largest_category_first(writer, corolla):
    [
        writer.add("expenses", **{**EXPENSE, "categoria": c, "monto": m})
        for c, m in [("Lavado", 60.5), ("Seguro", 400), ("Lavado", 60.5)]
    ]

    assert writer.data("expenses/summary?vehicleAlias=corolla") == {
        "summary": [
            {"_id": "Seguro", "totalMonto": 400, "cantidad": 1},
            {"_id": "Lavado", "totalMonto": 121, "cantidad": 2},
        ],
        "totalGastos": 521,
        "categorias": 2,
    }


def test_upcoming_expenses_are_due_within_30_days_from_now(writer, corolla):
    """What is dated today was due at midnight."""
    [
        writer.add("expenses", **EXPENSE, esRecurrente=True, proximoPago=day)
        for day in ("2026-06-14", "2026-05-15", "2026-05-14", "2026-06-15", "2026-05-16")
    ]
    writer.add("expenses", **EXPENSE, proximoPago="2026-05-20")

    upcoming = writer.data("expenses/upcoming?days=1&vehicleAlias=ZZ")

    assert [expense["proximoPago"][:10] for expense in upcoming] == ["2026-05-16", "2026-06-14"]
    assert upcoming[0]["vehicle"].keys() == {"_id", "alias", "marca", "modelo"}


def test_upcoming_maintenance_is_all_that_has_a_next_service(writer, corolla):
    """Those without a date come first; the past and the far future are in, the filter is ignored."""
    [
        writer.add("maintenance", **SERVICE, **following)
        for following in (
            {"proximoServicioFecha": "2031-01-01"},
            {"proximoServicioFecha": "2020-01-01"},
            {"proximoServicioKm": 2000},
            {},
        )
    ]

    upcoming = writer.data("maintenance/upcoming?vehicleAlias=ZZ")

    assert [record["proximoServicioFecha"] for record in upcoming] == [
        None,
        "2020-01-01T00:00:00.000Z",
        "2031-01-01T00:00:00.000Z",
    ]
    assert upcoming[0]["vehicle"]["kilometrajeTotal"] == 1000
