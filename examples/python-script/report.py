"""Every vehicle of one account, and what it has cost: `python report.py http://localhost:8000 EMAIL PASSWORD`."""

import sys

import requests


def main(url: str, email: str, password: str) -> None:
    """Sign in, read, sign out; the session keeps the cookie, as a browser would."""
    with requests.Session() as bff:
        signed_in = bff.post(f"{url}/api/auth/login", json={"email": email, "password": password}, timeout=30)
        if not signed_in.ok:
            sys.exit(signed_in.json()["error"])
        for vehicle in bff.get(f"{url}/api/vehicles", timeout=30).json()["data"]:
            stats = bff.get(f"{url}/api/vehicles/{vehicle['alias']}/stats", timeout=30).json()["data"]
            print(f"{vehicle['alias']:<10} {stats['statistics']['totalDistancia']:>10} km  {stats['costs']}")
        bff.post(f"{url}/api/auth/logout", timeout=30)


if __name__ == "__main__":
    main(*sys.argv[1:])
