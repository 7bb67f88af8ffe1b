import { headers } from "next/headers";

const bff = process.env.BFF_URL ?? "http://127.0.0.1:8000";

// Rendered on the server, as the user: the BFF is called with the cookies that the browser sent here.
export default async function ServerPage() {
  const cookie = (await headers()).get("cookie") ?? "";
  const reply = await fetch(`${bff}/api/proxy/Exercises/categories`, { headers: { cookie }, cache: "no-store" });
  return <p>{reply.ok ? (await reply.json()).join(", ") : `${reply.status} ${reply.headers.get("x-bff-error")}`}</p>;
}
