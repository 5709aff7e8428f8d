// The camera's picture with points over it.
import { drawFaces } from "./draw.js";
import { pixelsOf, Problem } from "./photo.js";
import { counted } from "./results.js";

const REASONS = {
  NotAllowedError: "The camera may not be used. Allow it in the browser's settings of this page.",
  NotFoundError: "There is no camera.",
  NotReadableError: "The camera is used by another program. Close that one, and try again.",
};

export class Camera {
  /** find(pixels) gives the faces of a frame. */
  constructor(video, canvas, settings, find) {
    Object.assign(this, { video, canvas, settings, find, stream: null });
  }

  /** Turn the camera on; `ended` is called when it is gone. */
  async start(ended) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Problem("This browser gives no camera to this page. It does so at https:// "
        + "addresses and at 127.0.0.1 alone.");
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia(
        { audio: false, video: { facingMode: "user", width: { ideal: 1280 } } });
    } catch (error) {
      throw new Problem(REASONS[error.name] ?? `The camera cannot be used (${error.message}).`);
    }
    this.video.srcObject = this.stream;
    this.stream.getTracks().forEach((track) => Object.assign(track, { onended: ended }));
    await this.video.play();
  }

  stop() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  /** The pixels of this moment: {width, height, pixels, scale}. */
  frame() {
    const { videoWidth: width, videoHeight: height } = this.video;
    return pixelsOf(this.video, width, height, this.settings.canvasPixels);
  }

  /** Draw the faces of one frame after the other until the camera is stopped. */
  async follow() {
    const { stream } = this; // it may be stopped and started again while a face is looked for
    while (stream && this.stream === stream) {
      await new Promise(requestAnimationFrame);
      if (this.stream !== stream || !this.video.videoWidth) continue;
      const { pixels } = this.frame();
      const { width, height } = pixels;
      const faces = await this.find(pixels);
      Object.assign(this.canvas, { width, height }); // clears it
      drawFaces(this.canvas.getContext("2d"), faces, this.settings.skeleton, [1, 1]);
      this.canvas.setAttribute("aria-label", `The camera's picture: ${counted(faces.length)}`);
    }
  }
}
