// A JVM client as docs/client/kotlin.md describes it, with Protobuf's lite runtime and OkHttp.
// `read`: each input line is a type and bytes in hexadecimal; prints the bytes that the type's
// codec writes after reading them, and the fields of a frame. `watch URL STREAM TOKEN`: prints
// everything that arrives until the stream ends, then sends a text message, which the contract
// forbids, and prints how the server closes.
import com.google.protobuf.ByteString
import com.google.protobuf.MessageLite
import hayate.v1.Audio
import hayate.v1.ClientMessage
import hayate.v1.Event
import hayate.v1.Frame
import hayate.v1.Kind
import hayate.v1.Motion
import hayate.v1.ServerMessage
import hayate.v1.StreamHeader
import hayate.v1.clientMessage
import hayate.v1.watch
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import okhttp3.WebSocket
import okhttp3.WebSocketListener
import okio.ByteString.Companion.toByteString

private fun hex(bytes: ByteArray): String = bytes.joinToString("") { "%02x".format(it) }

private fun bytes(hex: String): ByteArray = hex.chunked(2).map { it.toInt(16).toByte() }.toByteArray()

private val parsers: Map<String, (ByteArray) -> MessageLite> = mapOf(
    "Audio" to Audio::parseFrom,
    "ClientMessage" to ClientMessage::parseFrom,
    "Event" to Event::parseFrom,
    "Frame" to Frame::parseFrom,
    "Motion" to Motion::parseFrom,
    "ServerMessage" to ServerMessage::parseFrom,
    "StreamHeader" to StreamHeader::parseFrom,
)

private fun read(line: String): String {
    val (type, encoded) = line.split(' ')
    val message = parsers.getValue(type)(bytes(encoded))
    val fields = (message as? Frame)?.run {
        listOf(stream, "%016x".format(epoch), sequence, captureUs, kindValue, flags.toUInt(), participant.toUInt(), position, keySequence)
    }
    return "=" + hex(message.toByteArray()) + fields.orEmpty().joinToString("") { " $it" }
}

private class Printer(private val stream: String, private val token: String) : WebSocketListener() {
    val over = CountDownLatch(1)

    override fun onOpen(webSocket: WebSocket, response: Response) {
        val offered = response.networkResponse?.request?.header("Sec-WebSocket-Extensions") ?: response.request.header("Sec-WebSocket-Extensions")
        println("open ${response.header("Sec-WebSocket-Protocol")} offered $offered taken ${response.header("Sec-WebSocket-Extensions")}")
        val hello = clientMessage { watch = watch { stream = this@Printer.stream; token = this@Printer.token } }
        webSocket.send(hello.toByteArray().toByteString())
    }

    override fun onMessage(webSocket: WebSocket, bytes: okio.ByteString) {
        val message = ServerMessage.parseFrom(bytes.toByteArray())
        if (message.hasWatching()) println("watching %016x".format(message.watching.epoch))
        message.framesList.forEach(::show)
        if (message.hasEnded()) {
            println("ended ${message.ended.reason}")
            webSocket.send("no text is allowed")
        }
    }

    private fun show(encoded: ByteString) {
        val frame = Frame.parseFrom(encoded)
        val content = when (frame.kind) {
            Kind.KIND_HEADER -> StreamHeader.parseFrom(frame.payload).title
            Kind.KIND_AUDIO -> "${frame.position} " + Audio.parseFrom(frame.payload).packetsList.joinToString(",") { hex(it.toByteArray()) }
            Kind.KIND_EVENT -> Event.parseFrom(frame.payload).comment.text
            else -> ""
        }
        println("frame ${frame.sequence} ${frame.kind} $content")
    }

    override fun onClosing(webSocket: WebSocket, code: Int, reason: String) {
        println("closing $code")
        webSocket.close(1000, null)
    }

    override fun onClosed(webSocket: WebSocket, code: Int, reason: String) = end("closed $code")

    override fun onFailure(webSocket: WebSocket, t: Throwable, response: Response?) = end("failure ${response?.code} $t")

    private fun end(line: String) {
        println(line)
        over.countDown()
    }
}

fun main(args: Array<String>) {
    if (args[0] == "read") return generateSequence(::readLine).forEach { println(read(it)) }
    val client = OkHttpClient.Builder().pingInterval(10, TimeUnit.SECONDS).build()
    val request = Request.Builder().url(args[1]).header("Sec-WebSocket-Protocol", "hayate.v1").build()
    val printer = Printer(args[2], args[3])
    client.newWebSocket(request, printer)
    printer.over.await()
    client.dispatcher.executorService.shutdown()
}
