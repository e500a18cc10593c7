;; Elementwise kernels over float32 arrays, four numbers at a time (WebAssembly SIMD).
;; Each array is a shared memory of its own; pointers are byte offsets in it, `n` counts elements. kernels.ts has the
;; formulas in TypeScript, with the same order of operations, so both give the same bits.
;; After a change: deno task kernels
(module
  (memory $param (import "memory" "param") i64 0 262144 shared)
  (memory $grad (import "memory" "grad") i64 0 262144 shared)
  (memory $m (import "memory" "m") i64 0 262144 shared)
  (memory $v (import "memory" "v") i64 0 262144 shared)

  ;; One AdamW step, in place: one pass through memory.
  (func (export "adamw")
    (param $p i64) (param $g i64) (param $m i64) (param $v i64) (param $n i64)
    (param $beta1 f32) (param $gain1 f32) (param $beta2 f32) (param $gain2 f32)
    (param $clip f32) (param $step_size f32) (param $root2 f32) (param $epsilon f32) (param $keep f32)
    (local $end i64) (local $x f32) (local $mean f32) (local $square f32)
    (local $X v128) (local $M v128) (local $V v128)
    (local $BETA1 v128) (local $GAIN1 v128) (local $BETA2 v128) (local $GAIN2 v128)
    (local $CLIP v128) (local $STEP v128) (local $ROOT2 v128) (local $EPSILON v128) (local $KEEP v128)
    (local.set $BETA1 (f32x4.splat (local.get $beta1)))
    (local.set $GAIN1 (f32x4.splat (local.get $gain1)))
    (local.set $BETA2 (f32x4.splat (local.get $beta2)))
    (local.set $GAIN2 (f32x4.splat (local.get $gain2)))
    (local.set $CLIP (f32x4.splat (local.get $clip)))
    (local.set $STEP (f32x4.splat (local.get $step_size)))
    (local.set $ROOT2 (f32x4.splat (local.get $root2)))
    (local.set $EPSILON (f32x4.splat (local.get $epsilon)))
    (local.set $KEEP (f32x4.splat (local.get $keep)))

    ;; Whole vectors.
    (local.set $end
      (i64.add (local.get $p) (i64.shl (i64.and (local.get $n) (i64.const -4)) (i64.const 2))))
    (block $end_of_vectors
      (loop $vectors
        (br_if $end_of_vectors (i64.ge_u (local.get $p) (local.get $end)))
        (local.set $X (f32x4.mul (v128.load $grad (local.get $g)) (local.get $CLIP)))
        (local.set $M (f32x4.add
          (f32x4.mul (v128.load $m (local.get $m)) (local.get $BETA1))
          (f32x4.mul (local.get $X) (local.get $GAIN1))))
        (local.set $V (f32x4.add
          (f32x4.mul (v128.load $v (local.get $v)) (local.get $BETA2))
          (f32x4.mul (f32x4.mul (local.get $X) (local.get $X)) (local.get $GAIN2))))
        (v128.store $m (local.get $m) (local.get $M))
        (v128.store $v (local.get $v) (local.get $V))
        (v128.store $param (local.get $p) (f32x4.sub
          (f32x4.mul (v128.load $param (local.get $p)) (local.get $KEEP))
          (f32x4.mul
            (f32x4.div
              (local.get $M)
              (f32x4.add
                (f32x4.div (f32x4.sqrt (local.get $V)) (local.get $ROOT2))
                (local.get $EPSILON)))
            (local.get $STEP))))
        (local.set $p (i64.add (local.get $p) (i64.const 16)))
        (local.set $g (i64.add (local.get $g) (i64.const 16)))
        (local.set $m (i64.add (local.get $m) (i64.const 16)))
        (local.set $v (i64.add (local.get $v) (i64.const 16)))
        (br $vectors)))

    ;; Up to three single elements.
    (local.set $end
      (i64.add (local.get $p) (i64.shl (i64.and (local.get $n) (i64.const 3)) (i64.const 2))))
    (block $end_of_rest
      (loop $single
        (br_if $end_of_rest (i64.ge_u (local.get $p) (local.get $end)))
        (local.set $x (f32.mul (f32.load $grad (local.get $g)) (local.get $clip)))
        (local.set $mean (f32.add
          (f32.mul (f32.load $m (local.get $m)) (local.get $beta1))
          (f32.mul (local.get $x) (local.get $gain1))))
        (local.set $square (f32.add
          (f32.mul (f32.load $v (local.get $v)) (local.get $beta2))
          (f32.mul (f32.mul (local.get $x) (local.get $x)) (local.get $gain2))))
        (f32.store $m (local.get $m) (local.get $mean))
        (f32.store $v (local.get $v) (local.get $square))
        (f32.store $param (local.get $p) (f32.sub
          (f32.mul (f32.load $param (local.get $p)) (local.get $keep))
          (f32.mul
            (f32.div
              (local.get $mean)
              (f32.add
                (f32.div (f32.sqrt (local.get $square)) (local.get $root2))
                (local.get $epsilon)))
            (local.get $step_size))))
        (local.set $p (i64.add (local.get $p) (i64.const 4)))
        (local.set $g (i64.add (local.get $g) (i64.const 4)))
        (local.set $m (i64.add (local.get $m) (i64.const 4)))
        (local.set $v (i64.add (local.get $v) (i64.const 4)))
        (br $single))))

  ;; The sum of squares in float64: one sum for each of four lanes, then (0 + 1) + (2 + 3) + the rest.
  (func (export "sum_of_squares") (param $x i64) (param $n i64) (result f64)
    (local $end i64) (local $rest f64) (local $d f64)
    (local $X v128) (local $D v128) (local $LOW v128) (local $HIGH v128)
    (local.set $end
      (i64.add (local.get $x) (i64.shl (i64.and (local.get $n) (i64.const -4)) (i64.const 2))))
    (block $end_of_vectors
      (loop $vectors
        (br_if $end_of_vectors (i64.ge_u (local.get $x) (local.get $end)))
        (local.set $X (v128.load $grad (local.get $x)))
        (local.set $D (f64x2.promote_low_f32x4 (local.get $X)))
        (local.set $LOW (f64x2.add (local.get $LOW) (f64x2.mul (local.get $D) (local.get $D))))
        (local.set $D (f64x2.promote_low_f32x4
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $X) (local.get $X))))
        (local.set $HIGH (f64x2.add (local.get $HIGH) (f64x2.mul (local.get $D) (local.get $D))))
        (local.set $x (i64.add (local.get $x) (i64.const 16)))
        (br $vectors)))
    (local.set $end
      (i64.add (local.get $x) (i64.shl (i64.and (local.get $n) (i64.const 3)) (i64.const 2))))
    (block $end_of_rest
      (loop $single
        (br_if $end_of_rest (i64.ge_u (local.get $x) (local.get $end)))
        (local.set $d (f64.promote_f32 (f32.load $grad (local.get $x))))
        (local.set $rest (f64.add (local.get $rest) (f64.mul (local.get $d) (local.get $d))))
        (local.set $x (i64.add (local.get $x) (i64.const 4)))
        (br $single)))
    (f64.add
      (f64.add
        (f64.add (f64x2.extract_lane 0 (local.get $LOW)) (f64x2.extract_lane 1 (local.get $LOW)))
        (f64.add (f64x2.extract_lane 0 (local.get $HIGH)) (f64x2.extract_lane 1 (local.get $HIGH))))
      (local.get $rest)))

  ;; sum[i] += x[i].
  (func (export "add") (param $sum i64) (param $x i64) (param $n i64)
    (local $end i64)
    (local.set $end
      (i64.add (local.get $sum) (i64.shl (i64.and (local.get $n) (i64.const -4)) (i64.const 2))))
    (block $end_of_vectors
      (loop $vectors
        (br_if $end_of_vectors (i64.ge_u (local.get $sum) (local.get $end)))
        (v128.store $param (local.get $sum)
          (f32x4.add (v128.load $param (local.get $sum)) (v128.load $grad (local.get $x))))
        (local.set $sum (i64.add (local.get $sum) (i64.const 16)))
        (local.set $x (i64.add (local.get $x) (i64.const 16)))
        (br $vectors)))
    (local.set $end
      (i64.add (local.get $sum) (i64.shl (i64.and (local.get $n) (i64.const 3)) (i64.const 2))))
    (block $end_of_rest
      (loop $single
        (br_if $end_of_rest (i64.ge_u (local.get $sum) (local.get $end)))
        (f32.store $param (local.get $sum) (f32.add (f32.load $param (local.get $sum)) (f32.load $grad (local.get $x))))
        (local.set $sum (i64.add (local.get $sum) (i64.const 4)))
        (local.set $x (i64.add (local.get $x) (i64.const 4)))
        (br $single)))))
