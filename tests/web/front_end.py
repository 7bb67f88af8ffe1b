"""The sandbox's front end in a real browser: the page, this service and the sandbox.

A slower proof than the suite, and not a part of it: `make web`. It needs Node.js and Chromium. Each of `visits/` is a
person in front of the screen; what they saw is judged here. With PORTRAITS set it also takes the pictures of docs/img.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from sandbox import web
from tests.proxy.api.test_auth import jwt
from tests.web.site import Site

HERE = Path(__file__).parent
PICTURES = HERE.parent.parent / "docs/img"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "isMobile": True, "hasTouch": True}
JOURNEYS = ["desktop_journey", "phone_journey"]
VISITS = [*JOURNEYS, "sessions", "outage", "refusals", "habits", "budget"]
EXPIRED = jwt(id="0" * 24, iat=1_600_000_000, exp=1_600_000_600)
FOREIGN = jwt(id="0" * 24, iat=1_600_000_000, exp=4_102_444_800)
A_VISIT_TAKES_AT_MOST = 240.0
FIRST_VIEW_BYTES = 150_000
INTERACTIVE_MS = 3_000  # it takes some 400; a busy machine is no defect


@dataclass(frozen=True)
class Visit:
    """What a visit came to; see `visit.mjs`."""

    result: Any
    pages: dict[str, dict[str, Any]]
    seen: list[dict[str, Any]]
    asked: list[str]
    cookies: list[str]
    errors: list[str]

    def text(self, page: str) -> str:
        """What a person reads, with each blank a plain one."""
        return " ".join(self.pages[page]["text"].split())


def visit(name: str, site: Site, options: dict[str, Any] | None = None, **told: Any) -> Visit:
    """Let somebody visit the site; what they ask for meanwhile is done to it."""
    assert CHROMIUM is not None, "Chromium is missing: apt-get install chromium"
    assert (HERE / "node_modules").exists(), f"packages are missing: npm ci --prefix {HERE}"
    told = {"visit": name, "chromium": CHROMIUM, "origin": site.origin, "options": options or DESKTOP, **told}
    with (
        tempfile.TemporaryFile("w+") as trouble,
        subprocess.Popen(
            ["node", "visit.mjs"],
            cwd=HERE,
            env={"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=trouble,
            text=True,
        ) as person,
    ):
        assert person.stdin
        assert person.stdout
        giving_up = Timer(A_VISIT_TAKES_AT_MOST, person.kill)
        giving_up.start()
        print(json.dumps(told), file=person.stdin, flush=True)
        for line in person.stdout:
            said = json.loads(line)
            if "report" in said:
                giving_up.cancel()
                return Visit(**said["report"])
            {"stop_backend": site.stop_backend, "start_backend": site.start_backend}[said["ask"]]()
            print(file=person.stdin, flush=True)
        giving_up.cancel()
        trouble.seek(0)
        raise AssertionError(f"the visit {name} broke off:\n{trouble.read()}")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One site for all visits that leave it as it was."""
    with Site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def desktop_journey(site):
    return travel(site, DESKTOP, "ada")


@pytest.fixture(scope="module")
def phone_journey(site):
    return travel(site, PHONE, "eva")


def travel(site: Site, screen: dict[str, Any], name: str) -> Visit:
    """From a new account to being refused; the second trip is of the month before this, or of the one before that."""
    account = {"username": name, "email": f"{name}@example.com", "password": "un-camino-largo"}
    earlier = datetime.now(UTC).replace(day=1) - timedelta(days=20)
    return visit("journey", site, screen, account=account, alias=f"<i>{name}</i> 5%/?#", earlier=f"{earlier:%F}")


@pytest.fixture(params=JOURNEYS)
def journey(request):
    """The same on either screen."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def sessions(site):
    return visit("sessions", site, expired=EXPIRED, foreign=FOREIGN)


@pytest.fixture(scope="module")
def outage(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("outage")) as site:
        return visit("outage", site)


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """Four attempts to sign in, two of them good; and a limit that a long note exceeds."""
    with Site(tmp_path_factory.mktemp("refusals"), ratelimit_auth="4 per minute", max_content_length=600) as site:
        return visit("refusals", site, attempts=2)


@pytest.fixture(scope="module")
def habits(site):
    return visit("habits", site)


@pytest.fixture(scope="module")
def budget(site):
    return visit("budget", site)


def test_a_person_sees_the_trip_on_the_odometer(journey):
    """50,000 km, and a trip of 250."""
    assert "Tu cuenta está lista" in journey.text("registered")
    assert "Todavía no hay vehículos" in journey.text("signed in")
    assert "Kilometraje: 50,000 km" in journey.text("vehicle")
    assert "Kilometraje: 50,250 km" in journey.text("after the trip")
    assert "Kilometraje: 50,350 km" in journey.text("after all")


def test_what_a_person_wrote_is_text_and_nothing_else(journey):
    """An alias with markup in it, and with all that means something in an address."""
    alias = journey.pages["after all"]["title"].removesuffix(" · KilomeTracker")

    assert alias in {"<I>ADA</I> 5%/?#", "<I>EVA</I> 5%/?#"}
    assert alias in journey.text("after all")
    assert "<i>" not in journey.pages["after all"]["html"].lower()


def test_a_person_sees_the_charts_change(journey):
    """None without data; another after each trip, and for another period. The numbers below them say the same."""
    pictures = journey.result["pictures"]

    assert journey.result["canvases"] == 0
    assert len(set(pictures.values())) == 3
    assert journey.result["distances"][-1][1] == "250 km"
    assert [row[1] for row in journey.result["distances"][:-1]] == ["0 km"] * 6
    assert [" ".join(cell.split()) for cell in journey.result["costs"][-1][1:]] == ["Q 312.50", "Q 0.00"]
    assert [[" ".join(cell.split()) for cell in row] for row in journey.result["expenses"]] == [["Seguro", "Q 60.00"]]


def test_who_signed_out_is_refused(journey):
    """By the service; and the page shows the form, whatever address is asked for."""
    refused = journey.result["refused"]

    assert (refused["status"], refused["error"], refused["body"].strip()) == (
        401,
        "no_session",
        '{"error":"No autorizado"}',
    )
    assert "Cerraste tu sesión" in journey.text("signed out")
    assert "50,350" not in journey.pages["came back"]["html"]
    assert "Contraseña" in journey.text("came back")


@pytest.mark.parametrize("name", VISITS)
def test_no_script_can_find_the_token(request, name):
    """Not in cookies, storage, source or answer; the cookie alone holds it, and is closed to scripts."""
    told = request.getfixturevalue(name)
    tokens = {cookie.partition(";")[0].removeprefix("token=") for cookie in told.cookies} - {""}

    everything = json.dumps([told.pages, told.seen, told.result])
    assert tokens
    assert all(re.fullmatch(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", token) for token in tokens)
    assert [token for token in tokens if token in everything] == []
    assert re.findall(r"eyJ[\w-]+\.[\w-]+\.", everything) == []
    assert all("; HttpOnly; " in cookie and cookie.endswith("; SameSite=Strict") for cookie in told.cookies)
    assert {page["cookie"] for page in told.pages.values()} <= {""}
    assert all(set(storage) <= {"tema"} for page in told.pages.values() for storage in page["storage"])
    assert '"username' in everything.replace("\\", "")


@pytest.mark.parametrize("name", VISITS)
def test_the_page_asks_its_own_origin_alone(request, name):
    """Scripts, styles, pictures and data: each of what was asked for, answered or not."""
    told = request.getfixturevalue(name)
    origins = {re.match(r"[a-z]+:(//[^/]*)?", url)[0] for url in told.asked}  # type: ignore[index]

    assert len(origins) == 1
    assert len(told.asked) > 40
    assert {"/", "/web/", "/api/"} == {re.sub(r"^http://[^/]+(/(?:web/|api/)?).*", r"\1", url) for url in told.asked}


@pytest.mark.parametrize("name", [*JOURNEYS, "habits", "budget"])
def test_the_browser_has_nothing_to_complain_of(request, name):
    """No error in the console, nothing that the policy stopped; but for the refusal that was asked for."""
    told = request.getfixturevalue(name)

    assert [error for error in told.errors if "401" not in error] == []


def test_with_an_expired_cookie_one_lands_on_the_form(sessions):
    """One question, no loop; and the dead cookie is gone."""
    asked = sessions.result["asked"]

    for name in ("opened with an expired cookie", "opened with a foreign cookie"):
        assert "Contraseña" in sessions.text(name)
        assert sessions.result["jar"][name] == []
    assert [path for path in asked["opened with an expired cookie"] if "/api/" in path] == ["/api/auth/session"]
    assert [path for path in asked["opened with a foreign cookie"] if "/api/" in path] == [
        "/api/auth/session",
        "/api/auth/me",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("expired meanwhile", "Tu sesión caducó"),
        ("cookie gone meanwhile", "Tu sesión se cerró"),
        ("refused by the backend meanwhile", "El servidor ya no acepta tu sesión"),
    ],
)
def test_a_session_that_ends_is_told_in_words(sessions, name, words):
    """`session_expired`, `no_session`, and a 401 of the backend's own; what was asked for is asked once."""
    asked = [path for path in sessions.result["asked"][name] if path.startswith("/api/")]

    assert words in sessions.text(name)
    assert sessions.result["jar"][name] == []
    assert len(asked) == len(set(asked)) <= 5


def test_after_signing_in_again_one_goes_on(sessions):
    """To where the session had ended."""
    assert sessions.pages["went on"]["title"] == "Vehículos · KilomeTracker"


def test_while_the_backend_is_down_the_page_says_so(outage):
    """In words, with a button; a form keeps what was entered."""
    for name in ("down", "opened while it is down", "offline"):
        assert "El servicio no está disponible" in outage.text(name)
        assert "Reintentar" in outage.text(name)
    assert "Lo que escribiste sigue aquí" in outage.text("form while it is down")
    assert "No hay conexión" in outage.text("offline")


def test_when_the_backend_is_back_the_page_recovers_by_itself(outage):
    """Nobody pressed anything."""
    assert "El servicio está de vuelta" in outage.text("back by itself")
    assert "Pagos de los próximos 30 días" in outage.text("back by itself")


def test_each_way_of_being_unavailable_has_its_words(outage):
    """And `Retry-After` is obeyed."""
    words = outage.result["words"]

    assert "No podemos comunicarnos" in words["502"]
    assert "demasiadas peticiones" in words["503"]
    assert "tarda demasiado" in words["504"]
    assert outage.result["attempts"] >= 3


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("forbidden to write", "El rol read no tiene permisos para esta acción"),
        ("forbidden", "No tienes acceso"),
        ("no vehicle", "Vehículo no encontrado"),
        ("dots", "No encontrado"),
        ("no page", "Esta página no existe."),
        ("no address", "Esta página no existe."),
        ("no kind", "Esta página no existe."),
        ("attempt 2", "Credenciales inválidas"),
        ("attempt 1", "Credenciales inválidas"),
        ("too large", "demasiado grande"),
        ("too many", "Demasiados"),
    ],
)
def test_a_refusal_is_told_in_words(refusals, page, words):
    """The service's own where it has some: 401 of a login, 403, 404, 413, 429."""
    assert words.lower() in refusals.text(page).lower()


def test_who_may_only_read_is_not_offered_to_write(refusals):
    """The service refuses it all the same."""
    assert "Agregar" not in refusals.text("reader")


def test_too_many_attempts_make_the_button_wait(refusals):
    """For the seconds of `Retry-After`."""
    assert refusals.result["isDisabled"] is True
    assert re.search(r"Espera [1-6]?\d s", refusals.text("too many"))


def test_what_is_entered_wrongly_is_marked(refusals):
    """And has the focus, so that a screen reader reads why."""
    assert refusals.result["invalid"] == ["cantidadGastada"]
    assert refusals.result["focused"] == "cantidadGastada"


def test_the_page_can_be_used_with_the_keyboard_alone(habits):
    """The first stop skips the menu; a new view is read from its heading, and names the page."""
    assert habits.result["focus"] == {
        "first": "skip",
        "skipped": "contenido",
        "arrived": "Hola, demo",
        "moved": "Vehículos",
        "titled": "Vehículos · KilomeTracker",
    }


def test_a_theme_that_was_chosen_stays(habits):
    """Also when the service has the browser forget what the page stored; until then it is the system's."""
    assert habits.result["themes"] == {"atFirst": "", "chosen": "dark", "reloaded": "dark", "signedOut": "dark"}
    assert habits.result["colours"]["dark"] == habits.result["colours"]["system"]
    assert habits.result["colours"]["dark"][0] != habits.result["colours"]["light"][0]
    assert habits.result["colours"]["dark"][1] != habits.result["colours"]["light"][1]


def test_no_view_is_wider_than_a_small_phone(habits):
    """320 CSS pixels (WCAG 2.2, 1.4.10)."""
    assert {view: width for view, width in habits.result["wide"].items() if width > 320} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(site, screen, scheme):
    """Every view and state, all rules; and that it would find something is tried on a page that lost its language."""
    told = visit("accessibility", site, {**screen, "colorScheme": scheme, "reducedMotion": "reduce"})

    [spoilt] = told.result.pop("spoilt")
    assert spoilt.startswith("html-has-lang: ")
    assert len(told.result) == 20
    assert {view: found for view, found in told.result.items() if found} == {}


@pytest.mark.parametrize("view", ["stranger", "dashboard"])
def test_the_first_view_is_small_and_quick(budget, view, capsys):
    """All that crosses the wire, headers too; the library for charts is not a part of it."""
    cost = budget.result[view]

    with capsys.disabled():
        times = f"painted {cost['painted']:.0f} ms, interactive {cost['interactive']:.0f} ms"
        print(f"\n{view}: {cost['bytes']} bytes in {len(cost['files'])} files, {times}")
    assert 20_000 < cost["bytes"] < FIRST_VIEW_BYTES
    assert cost["interactive"] < INTERACTIVE_MS
    assert not any("uPlot.esm" in name for name, _ in cost["files"])
    assert any("uPlot.esm" in name for name, _ in budget.result["vehicle"]["files"])


@pytest.mark.parametrize("name", ["uPlot.esm.js", "uPlot.min.css", "LICENSE"])
def test_what_is_vendored_is_the_package_s(name):
    """Byte for byte as npm delivers it, its integrity checked against the lock."""
    package = HERE / "node_modules/uplot"
    original = package / name if name == "LICENSE" else package / "dist" / name

    assert (web.HERE / "vendor/uplot" / name).read_bytes() == original.read_bytes()


@pytest.mark.skipif("PORTRAITS" not in os.environ, reason="the pictures are taken when they are asked for")
def test_the_pictures_are_taken(site):
    """Small enough for a repository."""
    visit("portraits", site, folder=str(PICTURES))

    sizes = {path.name: path.stat().st_size for path in PICTURES.glob("web-*.png")}
    assert len(sizes) == 8
    assert {name: size for name, size in sizes.items() if size >= 200_000} == {}
