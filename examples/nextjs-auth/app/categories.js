"use client";

import { useEffect, useState } from "react";

export default function Categories() {
  const [categories, setCategories] = useState([]);
  const [error, setError] = useState("");

  useEffect(() => {
    fetch("/api/proxy/Exercises/categories")
      .then(async (response) => (response.ok ? setCategories(await response.json()) : setError(`${response.status}`)))
      .catch(() => setError("no connection"));
  }, []);

  if (error) return <p role="alert">{error}</p>;
  return (
    <ul>
      {categories.map((name) => (
        <li key={name}>{name}</li>
      ))}
    </ul>
  );
}
