import NextAuth from "next-auth";
import Credentials from "next-auth/providers/credentials";

const api = process.env.API_URL ?? "http://127.0.0.1:8002";

export const { handlers, auth, signIn, signOut } = NextAuth({
  trustHost: true, // the proxy in front, or localhost, says under which address we are reached
  providers: [
    Credentials({
      credentials: { username: {}, password: { type: "password" } },
      async authorize(credentials) {
        const { username, password } = credentials;
        const reply = await fetch(`${api}/login`, { method: "POST", body: JSON.stringify({ username, password }) });
        return reply.ok ? await reply.json() : null; // { name, access_token, expires_in }
      },
    }),
  ],
  callbacks: {
    // What is in here is encrypted into the cookie: the BFF reads it, the browser cannot.
    jwt({ token, user }) {
      if (!user) return token;
      const expires_at = Math.floor(Date.now() / 1000) + user.expires_in;
      return { ...token, access_token: user.access_token, expires_at };
    },
    // No `session` callback: what it returns is shown to the browser, at /api/auth/session.
  },
});
