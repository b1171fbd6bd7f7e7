// The one list of outside programs and Python modules that tests use, each with the Debian package
// that contains it. `npm run test:full` installs from this list and `require-tool.ts` names the
// package in its skips, so they cannot differ. Plain JavaScript, since the scripts read it on the
// machine's own Node before anything is installed.

/** Program name, as on PATH, to Debian package. @type {Readonly<Record<string, string>>} */
export const toolPackages = {
  bash: 'bash',
  cc: 'gcc',
  chromium: 'chromium',
  curl: 'curl',
  dnsmasq: 'dnsmasq-base',
  'espeak-ng': 'espeak-ng',
  ffmpeg: 'ffmpeg',
  ffprobe: 'ffmpeg',
  flock: 'util-linux',
  git: 'git',
  go: 'golang-go',
  haproxy: 'haproxy',
  java: 'default-jre-headless',
  javac: 'default-jdk-headless',
  mcs: 'mono-mcs',
  mkfifo: 'coreutils',
  mono: 'mono-runtime',
  mount: 'mount',
  mvn: 'maven',
  nginx: 'nginx',
  'oggz-validate': 'oggz-tools',
  openssl: 'openssl',
  opusdec: 'opus-tools',
  opusenc: 'opus-tools',
  opusinfo: 'opus-tools',
  prlimit: 'util-linux',
  protoc: 'protobuf-compiler',
  python3: 'python3',
  'redis-cli': 'redis-tools',
  'redis-server': 'redis-server',
  setpriv: 'util-linux',
  sox: 'sox',
  unshare: 'util-linux',
  unzip: 'unzip',
};

/** Python module, as imported, to Debian package. @type {Readonly<Record<string, string>>} */
export const pythonPackages = {
  avro: 'python3-avro',
  // What `python3 -m venv` needs.
  ensurepip: 'python3-venv',
  'google.protobuf': 'python3-protobuf',
  // The codec of that name in Avro files.
  zstandard: 'python3-zstandard',
};

/**
 * The path of Debian's Python. Another Python earlier on PATH does not see the packages' modules.
 */
export const debianPython = '/usr/bin/python3';

/** Every Debian package of both tables, once. */
export const debianPackages = [...new Set([...Object.values(toolPackages), ...Object.values(pythonPackages)])].sort();
