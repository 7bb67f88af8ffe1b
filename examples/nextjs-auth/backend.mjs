// The private API: what it has is for those alone who show the token that signing in gives.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

const port = Number(process.env.PORT ?? 8002);
const token = randomBytes(32).toString("base64url");

async function answer(request) {
  switch (`${request.method} ${request.url.split("?")[0]}`) {
    case "POST /login": {
      const { username, password } = JSON.parse(await text(request));
      if (username !== "demo" || password !== "demo") return [401, { error: "who?" }];
      return [200, { name: "Ada", access_token: token, expires_in: 3600 }];
    }
    case "GET /Exercises/categories":
      if (request.headers.authorization !== `Bearer ${token}`) return [401, { error: "which token?" }];
      return [200, ["Strength", "Mobility", "Endurance"]];
  }
  return [404, { error: "nothing here" }];
}

createServer(async (request, response) => {
  const [status, document] = await answer(request).catch(() => [400, { error: "what?" }]);
  console.log(`${request.method} ${request.url} ${status}`);
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(document));
}).listen(port, "127.0.0.1", () => console.log(`the private API: http://127.0.0.1:${port}`));
