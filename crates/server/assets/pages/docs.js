window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // The public validator of Swagger UI is another host.
  validatorUrl: null,
});
