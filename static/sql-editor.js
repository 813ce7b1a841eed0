// The SQL editor: the inline script of Datasette 0.65.5's database and query pages, as a file.
const format = document.querySelector("button#sql-format");
const shown = document.querySelector("pre#sql-query");
const input = document.querySelector("textarea#sql-editor");
if (input) {
  const editor = CodeMirror.fromTextArea(input, { lineNumbers: true, mode: "text/x-sql", lineWrapping: true });
  // CodeMirror's input field has no label of its own
  editor.getInputField().setAttribute("aria-label", "SQL");
  editor.setOption("extraKeys", {
    "Shift-Enter": () => document.querySelector("form.sql").submit(),
    // keyboard users must be able to leave the editor
    Tab: false,
    "Shift-Tab": false,
  });
  if (format) {
    format.hidden = false;
    format.addEventListener("click", () => editor.setValue(sqlFormatter.format(editor.getValue())));
  }
} else if (format && shown) {
  const formatted = sqlFormatter.format(shown.textContent);
  format.hidden = formatted === shown.textContent;
  format.addEventListener("click", () => (shown.textContent = formatted));
}
