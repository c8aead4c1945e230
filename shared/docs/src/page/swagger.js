// Shows the OpenAPI document of this host with Swagger UI, in the colours that the reader's system has.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  domNode: document.querySelector("#swagger"),
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  // A token that was pasted is gone with the page.
  persistAuthorization: false,
  // Asks nobody else whether the document is valid.
  validatorUrl: null,
});
