// What the route handlers of such a front end do: the cookie's token becomes the bearer token, JSON goes through.
import { cookies } from "next/headers";
import { NextResponse } from "next/server";

async function forward(request) {
  const token = (await cookies()).get("token")?.value;
  if (!token) {
    return NextResponse.json({ error: "No autorizado" }, { status: 401 });
  }
  const { pathname, search } = request.nextUrl;
  const reply = await fetch(`${process.env.API_BASE_URL}${pathname}${search}`, {
    method: request.method,
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: request.method === "GET" ? undefined : JSON.stringify(await request.json()),
  });
  return NextResponse.json(await reply.json(), { status: reply.status });
}

export { forward as GET, forward as POST };
