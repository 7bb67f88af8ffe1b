import { AuthError } from "next-auth";
import { redirect } from "next/navigation";

import { auth, signIn, signOut } from "../auth";
import Categories from "./categories";

async function enter(form) {
  "use server";
  try {
    await signIn("credentials", form);
  } catch (error) {
    if (error instanceof AuthError) redirect("/?failed");
    throw error; // a redirect is one too
  }
}

async function leave() {
  "use server";
  await signOut();
}

export default async function Page({ searchParams }) {
  const session = await auth();
  if (session) {
    return (
      <main>
        <h1>Hello, {session.user.name}</h1>
        <Categories />
        <p>
          <a href="/server">The same from the server</a>
        </p>
        <form action={leave}>
          <button>Sign out</button>
        </form>
      </main>
    );
  }
  return (
    <main>
      <form action={enter}>
        <h1>Sign in</h1>
        {"failed" in (await searchParams) && <p role="alert">Not these: demo and demo are the ones</p>}
        <input name="username" placeholder="demo" aria-label="User name" autoComplete="username" />
        <input name="password" placeholder="demo" aria-label="Password" type="password" autoComplete="current-password" />
        <button>Sign in</button>
      </form>
    </main>
  );
}
