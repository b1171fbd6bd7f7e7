// The pages' few icons, drawn on a grid of 24 in the colour of the surrounding text. They are
// decoration: the control around an icon says in words what it does.

const paths = {
  microphone: ['M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3Z', 'M5.5 11.5a6.5 6.5 0 0 0 13 0', 'M12 18v3'],
  microphoneOff: [
    'M9 7.5v4a3 3 0 0 0 4.6 2.5',
    'M15 11V6.500a3 3 0 0 0-5.700-1.300',
    'M5.500 11.500a6.500 6.500 0 0 0 10.200 5.300',
    'M18.500 11.500c0 .9-.2 1.800-.5 2.600',
    'M12 18v3',
    'M4 4l16 16',
  ],
  sound: ['M4 9.500v5h3.500L12 18.500v-13L7.500 9.500Z', 'M15.500 9a4.200 4.200 0 0 1 0 6', 'M18 6.500a7.800 7.800 0 0 1 0 11'],
  soundOff: ['M4 9.500v5h3.500L12 18.500v-13L7.500 9.500Z', 'M16 9.500l5 5', 'M21 9.500l-5 5'],
  viewers: [
    'M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12Z',
    'M12 9.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600Z',
  ],
  broadcast: [
    'M12 10.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3Z',
    'M8.200 15.800a5.400 5.400 0 0 1 0-7.600',
    'M15.800 8.200a5.400 5.400 0 0 1 0 7.600',
    'M5.300 18.700a9.500 9.500 0 0 1 0-13.400',
    'M18.700 5.300a9.500 9.500 0 0 1 0 13.400',
  ],
  plug: ['M9 3v5', 'M15 3v5', 'M6.500 8h11v3.500a5.500 5.500 0 0 1-11 0Z', 'M12 17v4'],
  pause: ['M9 5v14', 'M15 5v14'],
  play: ['M7.500 4.500l11.500 7.500-11.500 7.500Z'],
  history: ['M4.500 12a7.500 7.500 0 1 0 2.400-5.500', 'M4.500 3.500v4h4', 'M12 8v4.500l3 1.800'],
  search: ['M10.500 4.500a6 6 0 1 0 0 12 6 6 0 0 0 0-12Z', 'M15 15l5 5'],
  restart: ['M19.500 12a7.500 7.500 0 1 1-2.400-5.500', 'M19.500 3.500v4h-4'],
  open: ['M9 5H5v14h14v-4', 'M13 5h6v6', 'M19 5l-8.500 8.500'],
} as const;

export type IconName = keyof typeof paths;

/** An icon, as high as the text. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {paths[name].map((path) => (
        <path key={path} d={path} />
      ))}
    </svg>
  );
}
