// Starts Swagger UI; a browser that is signed in sends its CSRF token along.
window.addEventListener("load", () => {
  const csrf = document.querySelector('meta[name="csrf-token"]').content;
  window.SwaggerUIBundle({
    url: document.getElementById("docs").dataset.openapi,
    dom_id: "#docs",
    deepLinking: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
      if (csrf && !request.headers.Authorization) request.headers["X-CSRF-Token"] = csrf;
      return request;
    },
  });
});
