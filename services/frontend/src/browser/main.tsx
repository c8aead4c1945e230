import { render } from "preact";
import { App } from "./app.tsx";
import { Boundary } from "./parts/boundary.tsx";

const root = document.querySelector("#app");
if (root === null) throw new Error("the document has no place for the pages");
render(
  <Boundary language={document.documentElement.lang === "ko" ? "ko" : "en"}>
    <App />
  </Boundary>,
  root,
);

// A page that the browser keeps aside to come back to would show anyone who comes back what the last person saw.
const isKept = (event: Event) => (event as PageTransitionEvent).persisted;
addEventListener("pagehide", (event) => {
  if (isKept(event)) render(null, root);
});
addEventListener("pageshow", (event) => {
  if (isKept(event)) location.reload();
});
