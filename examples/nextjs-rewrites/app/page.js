"use client";

import { useEffect, useState } from "react";

const send = (path, body) =>
  fetch(`/api/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

export default function Page() {
  const [vehicles, setVehicles] = useState(); // undefined: not known yet; null: not signed in
  const [error, setError] = useState("");

  async function load() {
    const answer = await fetch("/api/vehicles");
    setVehicles(answer.ok ? (await answer.json()).data : null);
  }

  useEffect(() => {
    load();
  }, []);

  async function signIn(event) {
    event.preventDefault();
    const answer = await send("auth/login", Object.fromEntries(new FormData(event.target)));
    setError(answer.ok ? "" : (await answer.json()).error);
    await load();
  }

  async function signOut() {
    await send("auth/logout", {});
    await load();
  }

  if (vehicles === undefined) return <p>Cargando…</p>;
  if (vehicles === null)
    return (
      <form onSubmit={signIn}>
        <input name="email" type="email" autoComplete="username" aria-label="Correo" required />
        <input name="password" type="password" autoComplete="current-password" aria-label="Contraseña" required />
        <button>Entrar</button>
        <p role="alert">{error}</p>
      </form>
    );
  return (
    <>
      <ul>
        {vehicles.map((vehicle) => (
          <li key={vehicle._id}>{vehicle.alias}</li>
        ))}
      </ul>
      <button id="out" onClick={signOut}>
        Salir
      </button>
    </>
  );
}
