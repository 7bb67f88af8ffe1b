"""The route groups: a file for each, named after its prefix under `/api`."""

from proxy.api import auth, dashboard, expenses, maintenance, openapi, refuels, routes, users, vehicles

GROUPS = (
    auth.bp,
    users.bp,
    dashboard.bp,
    vehicles.bp,
    routes.bp,
    refuels.bp,
    maintenance.bp,
    expenses.bp,
    openapi.bp,
)
