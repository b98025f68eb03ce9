/* The Date field of a response. */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#define HTTP_DATE_FIELD_SIZE 37
/* "Date: ...\r\n" of now; this thread's, until it is called again. */
const char *http_date_field(void);

#endif
