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
