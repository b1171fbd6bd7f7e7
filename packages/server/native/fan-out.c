/*
 * One message to many sockets: the listener's hot path, without what Node spends on each write.
 * In: bytes, and descriptors of non-blocking stream sockets that the caller knows to be open and to have nothing pending.
 * Out: for each descriptor the bytes that its kernel buffer took, or -errno. Nothing is kept, closed or retried later: what
 * was not taken is the caller's to write. See listener/fan-out-sender.ts.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <node_api.h>

/* Where this flag is missing (macOS), Node itself has the process ignore SIGPIPE. */
#ifdef MSG_NOSIGNAL
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)
#else
#define SEND_FLAGS MSG_DONTWAIT
#endif

static napi_value refuse(napi_env env, const char *why) {
  napi_throw_type_error(env, NULL, why);
  return NULL;
}

static bool read_int32_array(napi_env env, napi_value value, int32_t **data, size_t *length) {
  bool is_typed = false;
  napi_typedarray_type type;
  void *bytes = NULL;
  if (napi_is_typedarray(env, value, &is_typed) != napi_ok || !is_typed) return false;
  if (napi_get_typedarray_info(env, value, &type, length, &bytes, NULL, NULL) != napi_ok || type != napi_int32_array) return false;
  *data = bytes;
  return true;
}

/* send(message: Uint8Array, descriptors: Int32Array, count: number, results: Int32Array): void */
static napi_value fan_out_send(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  size_t argc = 4;
  napi_typedarray_type type;
  bool is_typed = false;
  void *message = NULL;
  size_t length = 0, descriptors_length = 0, results_length = 0;
  int32_t *descriptors = NULL, *results = NULL;
  uint32_t count = 0;

  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc < 4) return refuse(env, "four arguments are needed");
  if (napi_is_typedarray(env, argv[0], &is_typed) != napi_ok || !is_typed ||
      napi_get_typedarray_info(env, argv[0], &type, &length, &message, NULL, NULL) != napi_ok || type != napi_uint8_array ||
      length > INT32_MAX)
    return refuse(env, "the message is not a Uint8Array of less than 2 GiB");
  if (!read_int32_array(env, argv[1], &descriptors, &descriptors_length)) return refuse(env, "the descriptors are not an Int32Array");
  if (napi_get_value_uint32(env, argv[2], &count) != napi_ok) return refuse(env, "the count is not a number");
  if (!read_int32_array(env, argv[3], &results, &results_length)) return refuse(env, "the results are not an Int32Array");
  if (count > descriptors_length || count > results_length) return refuse(env, "the count is larger than an array");

  for (uint32_t i = 0; i < count; i++) {
    ssize_t taken;
    do {
      taken = send(descriptors[i], message, length, SEND_FLAGS);
    } while (taken < 0 && errno == EINTR);
    results[i] = taken < 0 ? -errno : (int32_t)taken;
  }
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "send", NAPI_AUTO_LENGTH, fan_out_send, NULL, &function) != napi_ok) return NULL;
  if (napi_set_named_property(env, exports, "send", function) != napi_ok) return NULL;
  return exports;
}
