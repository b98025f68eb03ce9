// What comes from a stream of server-sent events; #state says whether it is there. An EventSource connects again by itself when
// the connection is lost, and not after an answer that is no stream.
function listen(path, type, hear) {
    const source = new EventSource(path), state = document.getElementById("state");

    function tell(text, good) {
        state.textContent = text;
        state.classList.toggle("good", good);
    }
    source.onopen = () => tell("Live", true);
    source.addEventListener(type, hear);
    source.onerror = () => {
        tell("Connecting…", false);
        if (source.readyState === EventSource.CLOSED)
            setTimeout(listen, 2000, path, type, hear);
    };
    addEventListener("pagehide", () => source.close());
}
