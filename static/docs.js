// Starts the interactive API documentation. This is a file because the content security policy forbids inline scripts.
const element = document.getElementById("swagger-ui");
window.SwaggerUIBundle({
  url: element.dataset.url,
  domNode: element,
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});

// Adds what Swagger UI lacks for screen readers and the keyboard
function improveAccessibility() {
  for (const field of element.querySelectorAll("select:not([aria-label]), textarea:not([aria-label])")) {
    const row = field.closest("[data-param-name]");
    const name = field.id === "servers" ? "Server" : row ? row.dataset.paramName : "Request body or media type";
    field.setAttribute("aria-label", name);
  }
  // the button that opens an operation contains a link that does the same
  for (const link of element.querySelectorAll("button a[href]")) link.removeAttribute("href");
  for (const example of element.querySelectorAll("pre:not([tabindex])")) example.setAttribute("tabindex", "0");
  // a table needs no landmark of its own
  for (const table of element.querySelectorAll("table[role=region]")) table.removeAttribute("role");
}
new MutationObserver(improveAccessibility).observe(element, { childList: true, subtree: true });
