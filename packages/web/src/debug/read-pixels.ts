// Reads a part of a canvas without waiting for the graphics processor. gl.readPixels into memory
// would stop the page until everything drawn so far is finished, which takes 150 ms in software.

/** A rectangle of a canvas, in device pixels, y downwards. */
export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** How often it is asked whether the picture is finished, milliseconds. */
const POLL_MS = 10;

/**
 * RGBA of a region of the picture that was drawn last, rows from the top. Call it in the task that
 * draws, since a browser discards a picture after showing it. Rejects if the context is lost.
 */
export async function readPixels(gl: WebGL2RenderingContext, { x, y, width, height }: Region): Promise<Uint8ClampedArray> {
  const upsideDown = new Uint8Array(width * height * 4);
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
  gl.bufferData(gl.PIXEL_PACK_BUFFER, upsideDown.length, gl.STREAM_READ);
  gl.readPixels(x, gl.drawingBufferHeight - y - height, width, height, gl.RGBA, gl.UNSIGNED_BYTE, 0);
  gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
  const finished = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
  gl.flush();
  if (finished === null) throw new Error('the WebGL context is lost');
  while (gl.getSyncParameter(finished, gl.SYNC_STATUS) !== gl.SIGNALED) {
    if (gl.isContextLost()) throw new Error('the WebGL context is lost');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  gl.deleteSync(finished);
  gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
  gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, upsideDown);
  gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
  gl.deleteBuffer(buffer);
  return fromTop(upsideDown, width * 4);
}

function fromTop(upsideDown: Uint8Array, rowBytes: number): Uint8ClampedArray {
  const pixels = new Uint8ClampedArray(upsideDown.length);
  for (let at = 0; at < pixels.length; at += rowBytes) pixels.set(upsideDown.subarray(at, at + rowBytes), pixels.length - at - rowBytes);
  return pixels;
}
