// Asks now and then whether the run has gone on, and takes the parts that are new.
(() => {
  const EVERY = 2000;
  let version = null;

  function take(fresh) {
    const scrolled = [...document.querySelectorAll(".scroll")].map((one) => [one.id, one.scrollTop, one.scrollLeft]);
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (next && !next.isEqualNode(part)) part.replaceChildren(...next.childNodes);
    }
    for (const [id, top, left] of scrolled) document.getElementById(id)?.scrollTo(left, top);
    document.getElementById("data").textContent = fresh.getElementById("data").textContent;
    const selected = document.getElementById("candidate");
    const chosen = selected.value;
    selected.replaceChildren(...fresh.getElementById("candidate").childNodes);
    selected.value = chosen;
    document.dispatchEvent(new Event("run-went-on"));
  }

  async function ask() {
    const state = document.getElementById("live-state");
    try {
      const now = await (await fetch("version", { cache: "no-store" })).text();
      if (version !== null && now !== version) {
        const page = await (await fetch("./", { cache: "no-store" })).text();
        // Its head has styles, which this page's policy would refuse.
        take(new DOMParser().parseFromString(page.slice(page.indexOf("<body>")), "text/html"));
      }
      version = now;
      state.textContent = `live, as of ${new Date().toLocaleTimeString()}`;
    } catch {
      state.textContent = "the server is gone: this is the last state that it told";
    }
    setTimeout(ask, EVERY);
  }

  ask();
})();
