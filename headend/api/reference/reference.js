// Search: an operation is shown when all words stand in it. A link to an operation opens it.
const search = document.getElementById("search");
const none = document.getElementById("none");
const operations = [...document.querySelectorAll("details")];

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const o of operations) {
    o.hidden = !words.every((w) => o.dataset.words.includes(w));
    if (!o.hidden) shown++;
  }
  for (const s of document.querySelectorAll("section")) s.hidden = !s.querySelector("details:not([hidden])");
  none.hidden = shown > 0;
}

function open() {
  const o = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (o instanceof HTMLDetailsElement) o.open = true;
}

search.addEventListener("input", filter);
addEventListener("hashchange", open);
addEventListener("keydown", (e) => {
  if (e.key === "/" && document.activeElement !== search) {
    e.preventDefault();
    search.focus();
  }
});
for (const o of operations) o.addEventListener("toggle", () => o.open && history.replaceState(null, "", "#" + o.id));
filter();
open();
