// Runs the Kotlin of docs/client/kotlin.md. In: one call a line, its words separated by spaces,
// text as UTF-16 code units in hexadecimal. Out: one line for each call, its results separated by
// spaces.
import java.nio.ByteBuffer

private fun text(hex: String): String = hex.chunked(4).map { it.toInt(16).toChar() }.joinToString("")

private fun hex(text: String): String = "=" + text.map { "%04x".format(it.code) }.joinToString("")

private fun hex(bytes: ByteBuffer): String = ByteArray(bytes.remaining()).also(bytes::get).let(::hex)

private fun hex(bytes: ByteArray): String = bytes.joinToString("") { "%02x".format(it) }

private fun run(words: List<String>): List<Any> {
    val numbers = { words.drop(1).map(String::toLong) }
    val floats = { words.drop(1).map(String::toFloat).toFloatArray() }
    return when (words[0]) {
        "clock" -> {
            val n = numbers()
            val position = HayateClock.position(n[0], n[1], n[2], n[3].toInt(), n[4])
            listOf(position, HayateClock.captureUs(position, n[5], n[6]))
        }
        "matrix" -> floats().let { HayateMatrix.of(it.sliceArray(0..3), it.sliceArray(4..6)).toList() }
        "opus" -> numbers().let { HayateOpus.buffers(it[0].toInt(), it[1].toInt(), it[2].toInt()).map(::hex) }
        "shapes" -> {
            val (names, scores) = words.drop(1).partition { '=' !in it }
            val byName = scores.associate { it.substringBefore('=') to it.substringAfter('=').toFloat() }
            listOf(hex(HayateShapes(names).weights(byName)))
        }
        "text" -> text(words.getOrElse(1) { "" }).let { listOf(hex(HayateText.clean(it, false)), hex(HayateText.clean(it, true))) }
        else -> error("no call ${words[0]}")
    }
}

fun main() = generateSequence(::readLine).forEach { println(run(it.trimEnd().split(' ')).joinToString(" ")) }
