/* SPDX-License-Identifier: MIT */
// Handlers in C++ that wait while exceptions are being handled, or on their way; for test_exceptions.py.
//
// usage: exceptions CLASS ADDRESS WORKERS     A line names what to do, each further line lets it go on.
#include "socketserver.h"

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

namespace
{

// Says that it waits, and does so.
void wait_for_line(struct ss_handler *h)
{
    char line[32];
    ss_printf(h->wfile, "waits\n");
    if (ss_readline(h->rfile, line, sizeof line) <= 0)
        ss_printf(h->wfile, "no line\n");
}

std::string current()
{
    auto exception = std::current_exception();
    if (!exception)
        return "none";
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception &e) {
        return e.what();
    }
}

struct Waits {
    struct ss_handler *handler;
    const char *name;
    ~Waits()
    {
        int before = std::uncaught_exceptions();
        wait_for_line(handler);
        int after = std::uncaught_exceptions();
        ss_printf(handler->wfile, "%s unwinds %d %d\n", name, before, after);
    }
};

void rethrow(struct ss_handler *h, const char *name)
{
    try {
        throw std::runtime_error(name);
    } catch (const std::exception &e) {
        wait_for_line(h);
        if (current() != e.what())
            ss_printf(h->wfile, "not %s\n", current().c_str());
        wait_for_line(h);
        throw;
    }
}

void nested(struct ss_handler *h, const std::string &name)
{
    try {
        throw std::runtime_error(name + ".outer");
    } catch (const std::exception &outer) {
        try {
            wait_for_line(h);
            rethrow(h, (name + ".inner").c_str());
        } catch (const std::exception &inner) {
            wait_for_line(h);
            ss_printf(h->wfile, "%s\n", inner.what());
        }
        wait_for_line(h);
        ss_printf(h->wfile, "%s\n", current().c_str());
        throw;
    }
}

void unwind(struct ss_handler *h, const char *name)
{
    Waits outer{h, name};
    Waits inner{h, name};
    throw std::runtime_error(name);
}

void keep(struct ss_handler *h, const char *name)
{
    std::exception_ptr kept;
    try {
        throw std::runtime_error(name);
    } catch (...) {
        kept = std::current_exception();
        wait_for_line(h);
    }
    wait_for_line(h);
    std::rethrow_exception(kept);
}

int throw_and_catch(void *argument)
{
    try {
        throw std::runtime_error("of a helper thread");
    } catch (const std::exception &e) {
        return *static_cast<int *>(argument);
    }
}

void offload(struct ss_handler *h, const char *name)
{
    try {
        throw std::runtime_error(name);
    } catch (const std::exception &) {
        int number = 7;
        wait_for_line(h);
        if (ss_offload(h->server, throw_and_catch, &number) != 7)
            ss_printf(h->wfile, "not 7\n");
        wait_for_line(h);
        throw;
    }
}

// What the others have in progress is not seen here.
void look(struct ss_handler *h)
{
    ss_printf(h->wfile, "%d %s\n", std::uncaught_exceptions(), current().c_str());
    wait_for_line(h);
    ss_printf(h->wfile, "%d %s\n", std::uncaught_exceptions(), current().c_str());
}

void work(struct ss_handler *h, const std::string &what, const char *name)
{
    if (what == "rethrow")
        rethrow(h, name);
    else if (what == "nested")
        nested(h, name);
    else if (what == "unwind")
        unwind(h, name);
    else if (what == "keep")
        keep(h, name);
    else if (what == "offload")
        offload(h, name);
    else
        look(h);
}

// "WHAT NAME"
int handle(struct ss_handler *h)
{
    char line[64], what[32] = "", name[32] = "";
    if (ss_readline(h->rfile, line, sizeof line) <= 0 || std::sscanf(line, "%31s %31s", what, name) < 1)
        return 0;
    try {
        work(h, what, name);
    } catch (const std::exception &e) {
        ss_printf(h->wfile, "%s\n", e.what());
    }
    ss_printf(h->wfile, "%d %s\n", std::uncaught_exceptions(), current().c_str());
    return 0;
}

} // namespace

int main(int, char **argv)
{
    struct ss_handler_class handler = {};
    handler.handle = handle;
    struct ss_server server;
    char text[SS_ADDRESS_TEXT];
    if (ss_server_init(&server, ss_bases(argv[1]), argv[2], &handler) < 0)
        return 2;
    server.workers = static_cast<unsigned>(std::stoi(argv[3]));
    if (ss_server_bind(&server) < 0)
        return 2;
    ss_address_format(&server.server_address, text, sizeof text);
    std::printf("%s\n", text);
    std::fflush(stdout);
    int rc = ss_run_server(&server);
    ss_server_close(&server);
    return rc < 0 ? 1 : rc;
}
