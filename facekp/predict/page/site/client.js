// The worker that finds faces, as a function that the page awaits.

export class Client {
  #worker = null;
  #waiting = new Map();
  #asked = 0;

  /** Start the worker; resolves when its nets are loaded. */
  start() {
    return new Promise((resolve, reject) => {
      this.#worker = new Worker("worker.js", { type: "module" });
      this.#worker.onerror = (event) => {
        const error = new Error(event.message || "the worker does not run");
        reject(error);
        this.#waiting.forEach((one) => one.reject(error));
        this.#waiting.clear();
      };
      this.#worker.onmessage = ({ data }) => {
        if (data.ready) resolve();
        else if (data.ready === false) reject(new Error(data.why));
        else this.#answer(data);
      };
    });
  }

  /** The faces of ImageData, in its own pixels; the data are given away. */
  find({ width, height, data }, options = {}) {
    return new Promise((resolve, reject) => {
      this.#asked += 1;
      this.#waiting.set(this.#asked, { resolve, reject });
      this.#worker.postMessage({ id: this.#asked, options, image: { width, height, data } },
        [data.buffer]);
    });
  }

  #answer({ id, faces, why }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (faces) resolve(faces);
    else reject(new Error(why));
  }
}
