// Asio's TLS, compiled once (BOOST_ASIO_SEPARATE_COMPILATION): here, for it is the only folder that uses it.
#include <boost/asio/ssl/impl/src.hpp>
