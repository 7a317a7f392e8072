/* Charts: what draws them is unpacked and run once, when the first of them comes near the view or the page rests. */
const NARROW = 480;  /* pixels; a legend in one row is wider */
(() => {
  const charts = every("[data-chart]");
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(find(id).textContent.trim()), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  let data = null, starting = null;
  const start = () => {
    starting ??= (async () => {
      const [script, facts] = await Promise.all([unpack("#charts"), unpack("#data")]);
      const element = document.createElement("script");
      element.textContent = script;
      document.head.append(element);
      data = JSON.parse(facts);
    })();
    return starting;
  };

  const running = (differences) => { let sum = 0; return differences.map((each) => { sum += each; return sum; }); };
  const short = (number) => String(Number(number.toPrecision(4)));
  /* A layer without data would only warn, and a legend tells what there is. */
  function named(spec, sets, words) {
    const made = structuredClone(spec);
    made.layer = made.layer.filter((layer) => !layer.data || sets[layer.data.name].length);
    made.datasets = sets;
    if (words) made.layer.filter((layer) => layer.encoding.shape).forEach(({ encoding: { color, shape } }) => {
      color.legend.values = shape.legend.values = data.words.filter((word) => words.has(word));
    });
    return made;
  }

  function latency({ low, width, counts, warm, median }) {
    const edge = (index) => low + index * width;
    return named(data.specs.latency, {
      bars: counts.map((count, index) => ({ from: edge(index), to: edge(index + 1), count, range: `${short(edge(index))} to ${short(edge(index + 1))}` })),
      median: [{ from: median }], warm: warm.map((from) => ({ from })),
    });
  }

  function past(kept) {
    const numbers = running(kept.night), minutes = running(kept.minute);
    const nights = numbers.map((night, index) => ({
      night, began: minutes[index] * 60000, date: new Date(minutes[index] * 60000).toISOString().slice(0, 16).replace("T", " "),
      rate: kept.rate[index], word: data.words[kept.word[index]], run: data.runs[kept.run[index]],
      setup: kept.setups[kept.setup[index]] ?? String(kept.setup[index]), now: kept.now.includes(index),
    }));
    const began = new Map(nights.map((night) => [night.night, night.began]));
    const steps = kept.steps.filter(([night]) => began.has(night))
      .map(([night, mark, sentence]) => ({ night, mark, sentence, began: began.get(night) }));
    return named(data.specs.history, { nights, steps, centre: kept.centre === null ? [] : [{ rate: kept.centre }],
      now: nights.filter((night) => night.now) }, new Set(nights.map((night) => night.word)));
  }

  function spec(key) {
    const [kind, ...rest] = key.split("."), place = rest.join(".");
    if (kind === "speed") return data.speed[Number(place)];
    return kind === "latency" ? latency(data.latency[place]) : past(data.history[place]);
  }

  const look = {
    background: null, aria: false, font: "system-ui, sans-serif", view: { stroke: null }, autosize: { type: "fit-x", contains: "padding" },
    axis: { labelColor: "var(--muted)", titleColor: "var(--muted)", titleFontWeight: 400, gridColor: "var(--line)", domainColor: "var(--line-strong)",
      tickColor: "var(--line-strong)", labelFontSize: 11, titleFontSize: 11, tickSize: 4 },
    axisX: { grid: false }, axisY: { domain: false, ticks: false },
    legend: { labelColor: "var(--ink)", titleColor: "var(--muted)", labelFontSize: 12, symbolStrokeWidth: 0 },
  };

  function draw(place) {
    if (place.dataset.state) return null;
    place.dataset.state = "drawing";
    const inner = document.createElement("div");
    inner.style.width = "100%";
    place.replaceChildren(inner);
    return vegaEmbed(inner, spec(place.dataset.chart), {
      mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false,
      config: place.clientWidth < NARROW ? { ...look, legend: { ...look.legend, columns: 2 } } : look, tooltip: { disableDefaultStyle: true },
    }).then(() => { place.dataset.state = "drawn"; place.classList.add("drawn"); });
  }

  const near = new IntersectionObserver((seen) => {
    const coming = seen.filter((each) => each.isIntersecting).map((each) => each.target);
    if (coming.length) start().then(() => coming.forEach(draw));
    coming.forEach((place) => near.unobserve(place));
  }, { rootMargin: "250px" });
  charts.forEach((place) => near.observe(place));
  beforePrint.push(() => {  /* at once where it can be, since printing does not wait */
    const printed = charts.filter((place) => place.closest("details.case")?.open ?? true);
    if (data !== null) return Promise.all(printed.map(draw));
    return start().then(() => Promise.all(printed.map(draw)));
  });
  if (charts.length) (window.requestIdleCallback ?? ((work) => setTimeout(work, 800)))(() => start(), { timeout: 3000 });
})();
