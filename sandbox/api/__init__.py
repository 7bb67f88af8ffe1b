"""The route groups, a file for each."""

from sandbox.api import auth, dashboard, expenses, maintenance, refuels, routes, users, vehicles

GROUPS = (
    auth.bp,
    users.bp,
    vehicles.bp,
    routes.bp,
    refuels.bp,
    maintenance.bp,
    expenses.bp,
    dashboard.bp,
)
