/* SPDX-License-Identifier: MIT */
/* The status codes that IANA has registered: X(code, phrase, explanation). (http.HTTPStatus) */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

#define HTTP_STATUS_TABLE(X)                                                                       \
    X(100, "Continue", "The head has arrived, please send the body")                               \
    X(101, "Switching Protocols", "The connection goes on in another protocol")                    \
    X(102, "Processing", "The request is being worked on")                                         \
    X(103, "Early Hints", "Some fields of the response to come")                                   \
    X(104, "Upload Resumption Supported", "The upload can be taken up again later")                \
    X(200, "OK", "The request was fulfilled, the answer follows")                                  \
    X(201, "Created", "Something new was made, its address follows")                               \
    X(202, "Accepted", "The request was taken and will be worked on later")                        \
    X(203, "Non-Authoritative Information", "The answer was changed on its way")                   \
    X(204, "No Content", "The request was fulfilled, there is nothing to send")                    \
    X(205, "Reset Content", "The request was fulfilled, clear the form for more")                  \
    X(206, "Partial Content", "The parts that were asked for follow")                              \
    X(207, "Multi-Status", "There are several answers, each with its own status")                  \
    X(208, "Already Reported", "This was listed further up in the answer")                         \
    X(226, "IM Used", "The answer is a difference to an earlier one")                              \
    X(300, "Multiple Choices", "There are several forms of this, choose one")                      \
    X(301, "Moved Permanently", "This has got a new address for good")                             \
    X(302, "Found", "This is at another address for the time being")                               \
    X(303, "See Other", "The answer is at another address")                                        \
    X(304, "Not Modified", "This has not changed since you asked last")                            \
    X(305, "Use Proxy", "This can only be had through a proxy")                                    \
    X(307, "Temporary Redirect", "Ask the same at another address for the time being")             \
    X(308, "Permanent Redirect", "Ask the same at another address from now on")                    \
    X(400, "Bad Request", "The request is malformed or not allowed by HTTP")                       \
    X(401, "Unauthorized", "Please say who you are")                                               \
    X(402, "Payment Required", "This has to be paid for")                                          \
    X(403, "Forbidden", "You are not allowed to have this")                                        \
    X(404, "Not Found", "There is nothing at this address")                                        \
    X(405, "Method Not Allowed", "This can be asked for, but not with this method")                \
    X(406, "Not Acceptable", "There is no form of this that you would accept")                     \
    X(407, "Proxy Authentication Required", "Please tell the proxy who you are")                   \
    X(408, "Request Timeout", "The request took too long to arrive")                               \
    X(409, "Conflict", "The request does not fit the present state")                               \
    X(410, "Gone", "This existed once and will not come back")                                     \
    X(411, "Length Required", "The length of the body must be told")                               \
    X(412, "Precondition Failed", "A condition of the request does not hold")                      \
    X(413, "Content Too Large", "The body is longer than allowed")                                 \
    X(414, "URI Too Long", "The request line is longer than allowed")                              \
    X(415, "Unsupported Media Type", "The body is of a type that is not understood")               \
    X(416, "Range Not Satisfiable", "The part that was asked for does not exist")                  \
    X(417, "Expectation Failed", "What the client expects cannot be met")                          \
    X(418, "I'm a Teapot", "This is no coffee machine")                                            \
    X(421, "Misdirected Request", "This server does not answer for that name")                     \
    X(422, "Unprocessable Content", "The body is well-formed but makes no sense here")             \
    X(423, "Locked", "Somebody has locked this")                                                   \
    X(424, "Failed Dependency", "Something that this depends on has failed")                       \
    X(425, "Too Early", "The request could be a replay, please repeat it")                         \
    X(426, "Upgrade Required", "Please ask again in another protocol")                             \
    X(428, "Precondition Required", "The request must have a condition")                           \
    X(429, "Too Many Requests", "Please wait a while before asking again")                         \
    X(431, "Request Header Fields Too Large", "The header fields are larger or more than allowed") \
    X(451, "Unavailable For Legal Reasons", "This may not be shown by law")                        \
    X(500, "Internal Server Error", "The server could not fulfil the request")                     \
    X(501, "Not Implemented", "The server does not know how to do this")                           \
    X(502, "Bad Gateway", "Another server gave a bad answer")                                      \
    X(503, "Service Unavailable", "The server cannot do this just now")                            \
    X(504, "Gateway Timeout", "Another server did not answer in time")                             \
    X(505, "HTTP Version Not Supported", "This version of HTTP is not spoken here")                \
    X(506, "Variant Also Negotiates", "The server's choice of forms goes in a circle")             \
    X(507, "Insufficient Storage", "There is no room to keep this")                                \
    X(508, "Loop Detected", "The request would never come to an end")                              \
    X(510, "Not Extended", "The request lacks an extension that is needed")                        \
    X(511, "Network Authentication Required", "Please sign in to the network first")

#endif
