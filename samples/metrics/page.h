/* SPDX-License-Identifier: MIT */
/* The totals as a page: Prometheus' text form, version 0.0.4. */
#ifndef METRICS_PAGE_H
#define METRICS_PAGE_H

#include "http_server.h"

#define PAGE_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Writes the page to h->wfile. The class `cls` of `server` shares a struct table. 0 or -errno. */
int page_write(struct ss_handler *h, struct ss_server *server, const struct ss_class *cls);

/* As ss_lock; and the table is in order, whoever had the lock before. */
int page_lock(struct ss_server *server, const struct ss_class *cls);

#endif
