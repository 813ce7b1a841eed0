// Starts the interactive API documentation. A file, since the content security policy allows no inline script.
const element = document.getElementById("swagger-ui");
window.SwaggerUIBundle({
  url: element.dataset.url,
  domNode: element,
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});

// What Swagger UI leaves to guess for those who do not see it, or who use the keyboard
function mend() {
  for (const field of element.querySelectorAll("select:not([aria-label]), textarea:not([aria-label])")) {
    const row = field.closest("[data-param-name]");
    const name = field.id === "servers" ? "Server" : row ? row.dataset.paramName : "Request body or media type";
    field.setAttribute("aria-label", name);
  }
  // a link within the button that opens an operation: the button does the same
  for (const link of element.querySelectorAll("button a[href]")) link.removeAttribute("href");
  for (const example of element.querySelectorAll("pre:not([tabindex])")) example.setAttribute("tabindex", "0");
  // a table is one, and needs no landmark of its own
  for (const table of element.querySelectorAll("table[role=region]")) table.removeAttribute("role");
}
new MutationObserver(mend).observe(element, { childList: true, subtree: true });
