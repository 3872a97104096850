/** Draws a row of numbers as a small line, from zero to its own greatest. */
export const SPARK_POINTS = 60;
const WIDTH = 84;
const HEIGHT = 20;

export function drawSpark(canvas: HTMLCanvasElement, values: number[], color: string): void {
  const scale = globalThis.devicePixelRatio || 1;
  if (canvas.width !== Math.round(WIDTH * scale)) {
    canvas.width = Math.round(WIDTH * scale);
    canvas.height = Math.round(HEIGHT * scale);
    canvas.style.width = `${WIDTH}px`;
    canvas.style.height = `${HEIGHT}px`;
  }
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, WIDTH, HEIGHT);
  const greatest = Math.max(1e-9, ...values.filter((value) => !Number.isNaN(value)));
  const step = WIDTH / (SPARK_POINTS - 1);
  const first = SPARK_POINTS - values.length;
  context.beginPath();
  let drawing = false;
  values.forEach((value, place) => {
    if (Number.isNaN(value)) {
      drawing = false;
      return;
    }
    const x = (first + place) * step;
    const y = HEIGHT - 2 - (value / greatest) * (HEIGHT - 4);
    if (drawing) context.lineTo(x, y);
    else context.moveTo(x, y);
    drawing = true;
  });
  context.strokeStyle = color;
  context.lineWidth = 1.25;
  context.stroke();
}
