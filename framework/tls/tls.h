/* SPDX-License-Identifier: MIT */
/* TLS by OpenSSL. From the bottom up:

     files.c     what was read from files, for all processes
     pem.c       certificates and keys from files, and what is wrong with them
     issue.c     makes a certificate
     tickets.c   the keys by which sessions are resumed
     context.c   what a server's connections have in common: certificates, which of them, protocols
     session.c   one connection's part of OpenSSL, which never waits: bytes go in and come out
     stream.c    a stream over another one, which waits
     client.c    ss_connect's
     mixin.c     TLSMixIn
     absent.c    all that others call, in a build without OpenSSL */
#ifndef SS_TLS_H
#define SS_TLS_H

#include "socketserver.h"
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

/* files.c */
/* What was read: paths and contents, so that all processes have the same, also when a file has changed since,
   or may not be read any more. */
enum { FILES_ROOM = 1 << 20 }; /* bytes of all certificates and keys of a server together */
struct tls_files {
    size_t used;
    char data[FILES_ROOM];
};
/* In memory that processes forked later share, and that is in no core dump. NULL: errno says why. */
struct tls_files *tls_files_new(void);
void tls_files_free(struct tls_files *files);
/* Until the next call the calling thread reads all files from `from`, or keeps in `into` what it reads; NULL:
   neither. */
void tls_files_use(const struct tls_files *from, struct tls_files *into);
/* Reads up to `size` bytes of a file. Their number, or -errno. */
ssize_t tls_files_read(const char *path, char *data, size_t size);

/* pem.c */
/* Reads a certificate with its chain and key into `ctx`. 0, or -errno with a reason. */
int tls_pem_load(SSL_CTX *ctx, const struct ss_certificate *files);
/* Reads the first certificate, or the key, of a file. NULL: the reason is said, and *rc is -errno. */
X509 *tls_pem_certificate(const char *path, int *rc);
EVP_PKEY *tls_pem_key(const char *path, const char *password_file, int *rc);
/* Reads all certificates of a file, one at least. 0, or -errno with a reason. */
int tls_pem_all(const char *path, STACK_OF(X509) * all);
/* OpenSSL's words for what has failed first of late in this thread, which are then forgotten. */
const char *tls_pem_openssl_says(void);
void tls_pem_fingerprint(const X509 *certificate, char text[SS_TLS_FINGERPRINT]);

/* issue.c */
/* Makes a certificate and its key: 0, or -errno with a reason. */
int tls_issue_make(const struct ss_tls_issue *issue, X509 **certificate, EVP_PKEY **key);

/* tickets.c */
struct ticket_keys;
/* In memory that processes forked later share, and that is in no core dump. NULL: errno says why. */
struct ticket_keys *tls_tickets_new(void);
void tls_tickets_free(struct ticket_keys *keys);
/* Lets sessions of `ctx` be resumed by these. The server's class locks them. */
int tls_tickets_use(SSL_CTX *ctx, struct ticket_keys *keys);

/* context.c */
/* What the connections of a server have in common. Counted: who has one releases it. */
struct tls_context {
    atomic_uint users;
    unsigned count;
    bool slow; /* a handshake takes a millisecond, for one of the keys is RSA's */
    SSL_CTX *each[];
};
/* 0, or -errno with a reason. */
int tls_context_load(const struct ss_tls *tls, struct ticket_keys *keys, struct tls_context **context);
void tls_context_release(struct tls_context *context);
/* A context for either side, with what both have in common; NULL: no memory. */
SSL_CTX *tls_context_new(const SSL_METHOD *method, int minimum_version);
/* The names of protocols as they are sent. Returns how many bytes they take, or -EINVAL with
   ss_reason. */
enum { ALPN_BYTES = 1024 };
int tls_alpn_encode(const char *const *names, unsigned char encoded[ALPN_BYTES]);

/* session.c */
struct tls_session {
    SSL *ssl;
    struct tls_context *context; /* a server's */
    pthread_mutex_t lock;        /* for what follows, and OpenSSL's part; nobody waits while he holds it */
    struct ss_stream *in;        /* from whose buffer it takes input; while it is called */
    char *out;                   /* what is to be sent, of OUT_SIZE bytes; NULL: nothing */
    size_t used;
    char *stash; /* input that the stream from which it has come does not keep for another one */
    size_t stash_at, stash_end;
    bool writing;        /* one stream sends: records are to leave in their order */
    atomic_uint streams; /* that use it; the request counts as one */
    bool ready;          /* the handshake is done */
    bool broken;         /* nothing can be sent or received any more */
    const char *failure; /* why, in OpenSSL's words; NULL: nobody knows */
};
enum { RECORD = 16384, RECORD_MORE = 512, TURN = 4 /* records that are sent at once */ };
enum { OUT_SIZE = TURN * (RECORD + RECORD_MORE) };

/* NULL: no memory. */
struct tls_session *tls_session_new(SSL_CTX *ctx);
/* One more stream uses it; what the buffer of `in` holds is then for all of them. 0 or -ENOMEM. */
int tls_session_share(struct tls_session *session, struct ss_stream *in);
/* One less; after the last one it is freed. NULL is harmless. */
void tls_session_release(struct tls_session *session);
/* Each of these takes input from the buffer of `in`, and leaves its output in session->out. It returns 1, or
   a number of bytes; 0 at the end of the input; or -EAGAIN: it needs input; -ENOBUFS: output is to be taken
   first; -EPROTO. */
int tls_session_shake_hands(struct tls_session *session, struct ss_stream *in);
ssize_t tls_session_read(struct tls_session *session, struct ss_stream *in, void *data, size_t size);
ssize_t tls_session_write(struct tls_session *session, struct ss_stream *in, const void *data, size_t size);
void tls_session_end_output(struct tls_session *session, struct ss_stream *in);
/* Who writes begins with the first of these, true: it is this one's turn. It takes the output, which it
   frees, and sends it, until there is none (NULL); with `last` its turn is over then. */
bool tls_session_begin_writing(struct tls_session *session);
char *tls_session_take(struct tls_session *session, size_t *size, bool last);
bool tls_session_has_output(struct tls_session *session);
/* Has a part of a record come? */
bool tls_session_is_amid_record(struct tls_session *session);
void tls_session_describe(const struct tls_session *session, struct ss_tls_info *info);

/* stream.c */
struct tls_stream {
    struct ss_stream stream;
    struct tls_session *session;
    bool owned; /* by the stream, which is a client's or a copy: both are freed with it */
};
extern const struct ss_stream_class tls_stream_class;
/* Prepares `t`, which has two buffers of that size, one behind the other. */
void tls_stream_init(struct tls_stream *t, struct tls_session *session, struct ss_stream *below,
                     char *buffers, size_t size);
/* The handshake over `below`, until `ms` milliseconds from now. With `self` OpenSSL works aside. 0 or -errno.
 */
int tls_shake_hands(struct ss_server *self, struct tls_session *session, struct ss_stream *below, int ms);
/* A stream of a client's or a copy, with its buffers. NULL: no memory. */
struct tls_stream *tls_stream_new(struct tls_session *session, struct ss_stream *below);
/* NULL: TLS is not under it. */
const struct tls_session *tls_session_under(const struct ss_stream *s);

#endif
