// A WebSocket that comes back by itself: after a second, then later and later, at once when the network or the page is back.
//   const socket = connect("/chat/room/name", text => ..., state => ...);   socket.say("hello"); socket.leave();
// state: "open", "waiting" (it tries again), "closed" (the server wants it so, or leave was called)
function connect(path, hear, tell) {
    let socket, timer, attempts = 0, left = false;

    function begin() {
        clearTimeout(timer);
        socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + path);
        socket.onopen = () => { attempts = 0; tell("open"); };
        socket.onmessage = event => hear(event.data);
        socket.onclose = event => {
            if (left || event.code === 1008 || event.code === 1003)
                return tell("closed", event.reason);
            tell("waiting");
            timer = setTimeout(begin, Math.min(30, 2 ** attempts++) * (500 + 500 * Math.random()));
        };
    }
    function hurry() {
        if (!left && socket.readyState === WebSocket.CLOSED && document.visibilityState === "visible")
            begin();
    }
    addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);
    begin();
    return {
        say: text => socket.readyState === WebSocket.OPEN && (socket.send(text), true),
        leave: () => { left = true; clearTimeout(timer); socket.close(1000); },
    };
}
