// Cel shading with three built-in lights: a warm key that splits each colour into lit and shade, a
// cool fill from below, and a coloured rim from behind. No light objects and no shadow maps: one
// pass, cheap enough for software rendering. Works with morph targets, skinning and the swaying of
// hair.
import { BackSide, Color, DoubleSide, FrontSide, ShaderMaterial, Vector3 } from 'three';

/**
 * Directions to the lights, world space, and their colours; all materials of an avatar share one
 * object.
 */
export interface LightRig {
  keyDirection: { value: Vector3 };
  rimDirection: { value: Vector3 };
  rimColor: { value: Color };
  /** Offset of the most mobile hair, metres, in the space of the head. */
  sway: { value: Vector3 };
}

/** A rig with the key light above the camera's right shoulder. */
export function createLightRig(rim: number): LightRig {
  return {
    keyDirection: { value: new Vector3(0.5, 0.62, 0.8).normalize() },
    rimDirection: { value: new Vector3(-0.8, 0.45, -0.6).normalize() },
    rimColor: { value: new Color(rim) },
    sway: { value: new Vector3() },
  };
}

interface CelOptions {
  color?: number;
  /** The factor for the colour in shade. */
  shade: number;
  /** Width of the edge between light and shade, 0 to 1. Default 0.08. */
  softness?: number;
  /** The position of that edge: 0 (all lit) to 1 (all in shade). Default 0.5. */
  edge?: number;
  /**
   * The share that the fill removes from surfaces that face down. Default: a little, mostly of warm
   * tones.
   */
  fill?: readonly [red: number, green: number, blue: number];
  /** Strength of the rim light. Default 0.55. */
  rim?: number;
  /** Strength of the ring of light on hair. Default 0. */
  gloss?: number;
  doubleSide?: boolean;
}

const vertexShader = /* glsl */ `
#include <common>
#include <color_pars_vertex>
#include <morphtarget_pars_vertex>
#include <skinning_pars_vertex>
attribute float sway;
uniform vec3 swayOffset;
varying vec3 vNormal;
varying vec3 vToEye;
varying vec3 vHeadUp;
#ifdef OUTLINE
uniform float thickness;
#endif
void main() {
  #include <color_vertex>
  #include <beginnormal_vertex>
  #include <morphnormal_vertex>
  #include <skinbase_vertex>
  #include <skinnormal_vertex>
  vNormal = normalize( normalMatrix * objectNormal );
  vHeadUp = normalize( ( modelViewMatrix * vec4( 0.0, 0.94, 0.34, 0.0 ) ).xyz );
  #include <begin_vertex>
  #include <morphtarget_vertex>
  #include <skinning_vertex>
  transformed += swayOffset * sway * sway;
  #ifdef OUTLINE
  float distanceToEye = length( ( modelViewMatrix * vec4( transformed, 1.0 ) ).xyz );
  transformed += normalize( objectNormal ) * thickness * distanceToEye;
  #endif
  #include <project_vertex>
  #ifdef OUTLINE
  // A little further away, so that no sliver of it shows through the part that it surrounds.
  gl_Position = projectionMatrix * ( mvPosition - vec4( 0.0, 0.0, 0.002, 0.0 ) );
  #endif
  vToEye = - mvPosition.xyz;
}`;

const fragmentShader = /* glsl */ `
#include <common>
#include <color_pars_fragment>
uniform vec3 baseColor;
uniform vec3 shadeColor;
uniform vec3 rimColor;
uniform vec3 keyDirection;
uniform vec3 rimDirection;
uniform float softness;
uniform float edge;
uniform float rim;
uniform float gloss;
uniform vec3 fill;
varying vec3 vNormal;
varying vec3 vToEye;
varying vec3 vHeadUp;
void main() {
  vec3 normal = normalize( vNormal );
  #ifdef TWO_SIDED
  if ( ! gl_FrontFacing ) normal = - normal;
  #endif
  vec3 toEye = normalize( vToEye );
  vec3 key = normalize( ( viewMatrix * vec4( keyDirection, 0.0 ) ).xyz );
  vec3 back = normalize( ( viewMatrix * vec4( rimDirection, 0.0 ) ).xyz );
  vec3 base = baseColor;
  #ifdef USE_COLOR
  base *= vColor.rgb;
  #endif
  float facing = dot( normal, key ) * 0.5 + 0.5;
  float lit = smoothstep( edge - softness, edge + softness, facing );
  vec3 color = base * mix( shadeColor, vec3( 1.0 ), lit );
  // The fill: a little darker and cooler from below, so that shapes look round within one tone.
  color *= mix( vec3( 1.0 ) - fill, vec3( 1.0 ) + fill * 0.2, smoothstep( -0.9, 0.8, normal.y ) );
  float grazing = 1.0 - max( dot( normal, toEye ), 0.0 );
  float fromBehind = smoothstep( -0.25, 0.65, dot( normal, back ) );
  color += rimColor * smoothstep( 0.45, 0.95, grazing ) * fromBehind * rim;
  float band = dot( normal, normalize( vHeadUp ) );
  float ring = smoothstep( 0.16, 0.02, abs( band - 0.56 ) ) * smoothstep( 0.1, 0.6, dot( normal, toEye ) );
  color += ( base * 0.5 + 0.12 ) * ring * gloss * ( 0.35 + 0.65 * lit );
  gl_FragColor = vec4( color, 1.0 );
  #include <colorspace_fragment>
}`;

/** A cel-shaded material. Geometry needs the attribute `sway`; `color` multiplies. */
export function celMaterial(lights: LightRig, options: CelOptions): ShaderMaterial {
  const doubleSide = options.doubleSide ?? false;
  return new ShaderMaterial({
    vertexShader,
    fragmentShader,
    vertexColors: true,
    side: doubleSide ? DoubleSide : FrontSide,
    defines: doubleSide ? { TWO_SIDED: '' } : {},
    uniforms: {
      baseColor: { value: new Color(options.color ?? 0xffffff) },
      shadeColor: { value: new Color(options.shade) },
      softness: { value: options.softness ?? 0.08 },
      edge: { value: options.edge ?? 0.5 },
      fill: { value: new Vector3(...(options.fill ?? [0.2, 0.2, 0.1])) },
      rim: { value: options.rim ?? 0.55 },
      gloss: { value: options.gloss ?? 0 },
      rimColor: lights.rimColor,
      keyDirection: lights.keyDirection,
      rimDirection: lights.rimDirection,
      swayOffset: lights.sway,
    },
  });
}

const outlineFragmentShader = /* glsl */ `
#include <common>
#include <color_pars_fragment>
uniform vec3 baseColor;
void main() {
  vec3 color = baseColor;
  #ifdef USE_COLOR
  color *= vColor.rgb;
  #endif
  gl_FragColor = vec4( color, 1.0 );
  #include <colorspace_fragment>
}`;

/** The outline of a part: its back faces, pushed outwards by a constant width on the screen. */
export function outlineMaterial(lights: LightRig, color: number, vertexColors: boolean): ShaderMaterial {
  return new ShaderMaterial({
    vertexShader,
    fragmentShader: outlineFragmentShader,
    vertexColors,
    side: BackSide,
    defines: { OUTLINE: '' },
    uniforms: { baseColor: { value: new Color(color) }, thickness: { value: 0.0013 }, swayOffset: lights.sway },
  });
}
